import { Emitter } from "./emitter.js";
import { LoggedOutError, SynclineError } from "./errors.js";
import type { Http } from "./http.js";
import { equal, toJson, type JsonObject } from "./json.js";
import type { AccessToken, Login, TokenAnswer } from "./login.js";
import type { Store } from "./store.js";
import type { Surroundings } from "./surroundings.js";

export type Mode = "cookie" | "token";

interface KeeperEvents {
  /** Somebody has logged in, here or in another tab. */
  begun: Login;
  /** The same log-in, and other data about the user. */
  changed: Login;
  ended: { login: Login; reason: string };
}

/** What tabs tell each other. */
type Message =
  | { kind: "ask"; sid: string; stale: string }
  | { kind: "have"; login: Login; token: AccessToken; isNew: boolean }
  | { kind: "ending" | "ended"; sid: string; reason: string };

/** A token that ends sooner is not worth handing out. */
const leastLeftMs = 5_000;
/** How long other tabs have to hand over the token they got. The server's grace for a race is 10 s. */
const tabPatienceMs = 60;
const retryMs = 5_000;

/**
 * The access token of a browser: one tab refreshes it, the others are given it.
 *
 * A Web Lock makes sure of the one, and a broadcast channel of the others. Without them, and whatever a tab's death
 * leaves undone, the server answers refreshes that race with the same successor.
 */
export class TokenKeeper extends Emitter<KeeperEvents> {
  #login: Login | null = null;
  #token: AccessToken | null = null;
  #refreshing: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Why the session is going to end, which the server does not say when it does. */
  #expected: { sid: string; reason: string } | null = null;
  readonly #tabs: BroadcastChannel | null;
  #handed = new Set<() => void>();

  constructor(
    private readonly http: Http,
    private readonly mode: Mode,
    private readonly store: Store,
    private readonly around: Surroundings,
    private readonly scope: string,
  ) {
    super();
    this.#tabs = around.openBroadcast?.(`syncline:login:${scope}`) ?? null;
  }

  get login(): Login | null {
    return this.#login;
  }

  /** Begin: take up the log-in that the store knows of, and listen to other tabs. What is offline stays logged in. */
  async restore(): Promise<void> {
    if (this.#tabs) this.#tabs.onmessage = ({ data }: MessageEvent<Message>) => this.#hear(data);
    const stored = await this.#stored();
    if (!stored || this.#login) return;
    this.#begin(stored, null);
    await this.token().catch(() => undefined);
  }

  /** A log-in has succeeded. */
  async adopt(answer: TokenAnswer): Promise<void> {
    const { login, token } = this.#read(answer);
    if (this.#login) this.#end("replaced");
    await this.#keep(login);
    this.#begin(login, token);
    this.#tell({ kind: "have", login, token, isNew: true });
  }

  /**
   * A token that is good for a while. Throws a LoggedOutError when there is no session, a temporary SynclineError when
   * the server does not answer.
   *
   * @param stale one that the server has refused, or that is about to end
   */
  async token(stale = ""): Promise<string> {
    for (let attempts = 0; ; attempts++) {
      if (!this.#login) throw new LoggedOutError("no_session");
      if (this.#token && this.#isGood(this.#token, stale)) return this.#token.value;
      if (attempts === 2) throw new SynclineError(0, "no_token", "refreshed twice, and still none");
      await this.#refresh(stale);
    }
  }

  /** The session is being ended: whoever learns of the end first knows why. */
  expectEnd(reason: string): void {
    const sid = this.#login?.session.id;
    if (sid === undefined) return;
    this.#expected = { sid, reason };
    this.#tell({ kind: "ending", sid, reason });
  }

  /** The session is over, for the whole browser. */
  async end(reason: string): Promise<void> {
    const sid = this.#login?.session.id;
    if (sid === undefined) return;
    this.#tell({ kind: "ended", sid, reason });
    this.#end(reason);
    const stored = await this.#stored();
    if (stored?.session.id === sid) await this.store.delete(this.#storeName).catch(() => undefined);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#tabs?.close();
  }

  get #storeName(): string {
    return `${this.scope}|login`;
  }

  async #stored(): Promise<Login | undefined> {
    return (await this.store.get(this.#storeName).catch(() => undefined)) as Login | undefined;
  }

  /** Where nothing can be stored the log-in lasts as long as the page. */
  async #keep(login: Login): Promise<void> {
    await this.store.put(this.#storeName, login).catch(() => undefined);
  }

  #isGood(token: AccessToken, stale: string): boolean {
    const leastMs = Math.min(leastLeftMs, token.lifetimeMs / 10);
    return token.value !== stale && token.expiresAtMs - this.around.now() > leastMs;
  }

  #refresh(stale: string): Promise<void> {
    this.#refreshing ??= this.#refreshAlone(stale).finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #refreshAlone(stale: string): Promise<void> {
    if (!this.around.locks) return this.#refreshAtServer();
    return this.around.locks.request(`syncline:refresh:${this.scope}`, async () => {
      if (!(await this.#isHandedOver(stale))) await this.#refreshAtServer();
    });
  }

  async #isHandedOver(stale: string): Promise<boolean> {
    if (this.#token && this.#isGood(this.#token, stale)) return true;
    if (!this.#tabs || !this.#login) return false;
    this.#tell({ kind: "ask", sid: this.#login.session.id, stale });
    await this.#handOver(stale);
    return this.#token !== null && this.#isGood(this.#token, stale);
  }

  /** Ends with a good token, or after a while. */
  #handOver(stale: string): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#handed.delete(check);
        resolve();
      };
      const check = (): void => {
        if (this.#token && this.#isGood(this.#token, stale)) end();
      };
      const timer = setTimeout(end, tabPatienceMs);
      this.#handed.add(check);
    });
  }

  async #refreshAtServer(): Promise<void> {
    const sid = this.#login?.session.id;
    try {
      const body = await this.#refreshBody();
      const answer = await this.http.send<TokenAnswer>({ method: "POST", path: "/v1/token/refresh", body });
      if (this.#login?.session.id === sid) await this.#take(answer);
    } catch (error) {
      if (error instanceof SynclineError && error.status === 401) await this.end(error.code);
      throw error instanceof SynclineError && error.status === 401 ? new LoggedOutError(error.code) : error;
    }
  }

  /** The device is named since only it gets a successor twice: two tabs without locks, an answer that was lost. */
  async #refreshBody(): Promise<JsonObject> {
    const device = this.#login ? { device_id: this.#login.session.device_id } : {};
    return this.mode === "token" ? { ...device, refresh_token: await this.#refreshToken() } : device;
  }

  /** From the store: another tab may have exchanged it. */
  async #refreshToken(): Promise<string> {
    const stored = await this.#stored();
    return stored?.refreshToken ?? this.#login?.refreshToken ?? "";
  }

  /** The cookie may have become that of another log-in. */
  async #take(answer: TokenAnswer): Promise<void> {
    const { login, token } = this.#read(answer);
    if (login.session.id !== this.#login?.session.id) return this.adopt(answer);
    await this.#keep(login);
    this.#renew(login, token);
    this.#tell({ kind: "have", login, token, isNew: false });
  }

  #read(answer: TokenAnswer): { login: Login; token: AccessToken } {
    const { access_token: value, user, session, refresh_token: refreshToken } = answer;
    const lifetimeMs = answer.expires_in * 1000;
    return {
      login: { user, session, ...(refreshToken === undefined ? {} : { refreshToken }) },
      token: { value, lifetimeMs, expiresAtMs: this.around.now() + lifetimeMs },
    };
  }

  #begin(login: Login, token: AccessToken | null): void {
    this.#login = login;
    this.#token = token;
    this.#schedule();
    this.emit("begun", login);
  }

  #renew(login: Login, token: AccessToken): void {
    const before = this.#login?.user;
    this.#login = login;
    this.#token = token;
    this.#schedule();
    for (const check of [...this.#handed]) check();
    if (!equal(toJson(before), toJson(login.user))) this.emit("changed", login);
  }

  #end(reason: string): void {
    const login = this.#login;
    clearTimeout(this.#timer);
    this.#login = null;
    this.#token = null;
    if (!login) return;
    const expected = this.#expected?.sid === login.session.id ? this.#expected.reason : reason;
    this.emit("ended", { login, reason: expected });
  }

  /** Ahead of its end by a tenth to three tenths, so that tabs do not all ask at once. */
  #schedule(): void {
    clearTimeout(this.#timer);
    if (!this.#token) return;
    const { expiresAtMs, lifetimeMs } = this.#token;
    const aheadMs = lifetimeMs * (0.1 + 0.2 * Math.random());
    this.#wake(Math.max(expiresAtMs - aheadMs - this.around.now(), 0), this.#token.value);
  }

  #wake(afterMs: number, stale: string): void {
    this.#timer = setTimeout(() => {
      this.token(stale).catch((error: unknown) => {
        if (!(error instanceof LoggedOutError)) this.#wake(retryMs, stale);
      });
    }, afterMs);
  }

  /** A refresh token stays where it is kept. */
  #tell(message: Message): void {
    if (message.kind === "have") {
      const { user, session } = message.login;
      this.#tabs?.postMessage({ ...message, login: { user, session } });
    } else this.#tabs?.postMessage(message);
  }

  #hear(message: Message): void {
    if (message.kind === "have") return this.#hearOfToken(message);
    if (message.sid !== this.#login?.session.id) return;
    if (message.kind === "ended") return this.#end(message.reason);
    if (message.kind === "ask") return this.#answer(message.stale);
    this.#expected = message;
  }

  #hearOfToken({ login, token, isNew }: Extract<Message, { kind: "have" }>): void {
    const sid = this.#login?.session.id;
    if (login.session.id === sid) return this.#isLater(token) ? this.#renew(login, token) : undefined;
    if (!isNew) return;
    this.#end("replaced");
    this.#begin(login, token);
  }

  #isLater(token: AccessToken): boolean {
    return !this.#token || token.expiresAtMs > this.#token.expiresAtMs;
  }

  #answer(stale: string): void {
    if (!this.#login || !this.#token || !this.#isGood(this.#token, stale)) return;
    this.#tell({ kind: "have", login: this.#login, token: this.#token, isNew: false });
  }
}
