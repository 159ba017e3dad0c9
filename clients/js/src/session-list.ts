import type { AuthorizedHttp } from "./authorized-http.js";
import { callSafely } from "./emitter.js";
import type { LoginSession } from "./login.js";

type Listener = (sessions: LoginSession[]) => void;

/** Events come in groups; the list is fetched once for each. */
const settlingMs = 100;

/** The user's sessions: one for each log-in on a device. Every method throws a SynclineError. */
export class SessionList {
  readonly #listeners = new Set<Listener>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(private readonly http: AuthorizedHttp) {}

  /** Newest first, with their numbers of live connections; `current` is the one that asks. */
  async list(): Promise<LoginSession[]> {
    const { sessions } = await this.http.send<{ sessions: LoginSession[] }>({ method: "GET", path: "/v1/sessions" });
    return sessions;
  }

  rename(sid: string, name: string): Promise<LoginSession> {
    return this.http.send({ method: "PATCH", path: pathOf(sid), body: { name } });
  }

  /** End a session: its connections are closed, its device is logged out. */
  async revoke(sid: string): Promise<void> {
    await this.http.send({ method: "DELETE", path: pathOf(sid) });
  }

  /** Returns how many have ended. */
  revokeOthers(): Promise<number> {
    return this.#revoke("revoke-others");
  }

  /** This one too. Returns how many have ended. */
  revokeAll(): Promise<number> {
    return this.#revoke("revoke-all");
  }

  /** Called with the list, now and whenever something about it has changed. Returns what ends it. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    this.refresh();
    return () => void this.#listeners.delete(listener);
  }

  /** @internal Something has happened, or may have. */
  refresh(): void {
    if (!this.#listeners.size || this.#isClosed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#tell();
    }, settlingMs);
  }

  /** @internal */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#listeners.clear();
  }

  /** What cannot be fetched now is fetched at the next event, or when the connection is back. */
  async #tell(): Promise<void> {
    const sessions = await this.list().catch(() => null);
    if (sessions) for (const listener of [...this.#listeners]) callSafely(listener, sessions);
  }

  async #revoke(which: "revoke-others" | "revoke-all"): Promise<number> {
    const answer = await this.http.send<{ revoked: number }>({ method: "POST", path: `/v1/sessions/${which}` });
    return answer.revoked;
  }
}

function pathOf(sid: string): string {
  return `/v1/sessions/${encodeURIComponent(sid)}`;
}
