import type { Options } from "centrifuge";
import type { Channel } from "./channel.js";
import { Emitter } from "./emitter.js";
import { LoggedOutError } from "./errors.js";
import { Http, type Request } from "./http.js";
import { toJson } from "./json.js";
import { LiveSession, type ChannelToken, type SessionEvent, type SessionSetting } from "./live-session.js";
import type { Login, LoginSession, TokenAnswer, User } from "./login.js";
import type { ChannelListener } from "./link/followed.js";
import type { ChannelOptions, LinkState } from "./link/messages.js";
import { holdTabLock, type WorkerSource } from "./link/open-wire.js";
import type { SessionList } from "./session-list.js";
import type { SharedState } from "./shared-state.js";
import { defaultStore, type Store } from "./store.js";
import { newId, surroundings, type Surroundings } from "./surroundings.js";
import { Tracing, type TracingOptions } from "./traces/tracing.js";
import { TokenKeeper, type Mode } from "./token-keeper.js";

export interface SynclineOptions {
  /** Of the server, for instance "https://hub.example.com". */
  url: string;
  /** Of its WebSocket endpoint; "/connection/websocket" unless the server is configured otherwise. */
  websocketPath?: string;
  /** Where the refresh token is: in a cookie that scripts cannot read (the default in browsers), or with this client. */
  mode?: Mode;
  /** How the user's list of sessions shows this device. */
  device?: { name?: string; platform?: string };
  /** IndexedDB where there is one, else memory. In mode "token" it has the refresh token: choose one that is private. */
  store?: Store;
  /** The script "syncline/worker", as the application's bundler serves it. Without it the tabs elect one of them. */
  worker?: WorkerSource;
  /** The connection is that of one tab alone. */
  isAlone?: boolean;
  /** A constructor of WebSockets, for Node.js before 22. */
  websocket?: unknown;
  /** Further options of npm `centrifuge`; in a shared worker they do not apply. */
  centrifuge?: Partial<Options>;
  /** With OpenTelemetry: a span for each sampled publication that this tab shows, and the context for what it asks. */
  tracing?: TracingOptions;
}

/** `reason`: "logout", "replaced" by another log-in, or why the server has ended the session. */
export interface SynclineEvents {
  loggedIn: { user: User; session: LoginSession };
  loggedOut: { reason: string; user: User };
  /** The user's own data have changed, for instance the role. */
  userChanged: { user: User };
  /** Something about the user's sessions has changed, on whatever device. */
  sessionsChanged: SessionEvent;
  deviceOnline: SessionEvent;
  deviceOffline: SessionEvent;
  /** A stolen refresh token has been used; that session has ended everywhere. */
  refreshReused: SessionEvent;
  connection: { state: LinkState; code: number };
}

const terminalCode = 3590;
const logoutPatienceMs = 5_000;

const eventNames: Record<string, "deviceOnline" | "deviceOffline" | "refreshReused"> = {
  "device.online": "deviceOnline",
  "device.offline": "deviceOffline",
  "security.refresh_reused": "refreshReused",
};

/** One user on this device. All tabs of a browser show the same one, over one connection. */
export class Syncline extends Emitter<SynclineEvents> {
  readonly #http: Http;
  readonly #keeper: TokenKeeper;
  readonly #store: Store;
  readonly #scope: string;
  readonly #tab: string;
  readonly #mode: Mode;
  readonly #tracing: Tracing;
  readonly #ready: Promise<void>;
  #live: LiveSession | null = null;
  #ending: Promise<void> = Promise.resolve();
  #letGo: () => void = () => undefined;

  constructor(
    private readonly options: SynclineOptions,
    private readonly around: Surroundings = surroundings(),
  ) {
    super();
    this.#scope = new URL(options.url).origin;
    this.#tab = around.locks ? newId() : "only";
    this.#mode = options.mode ?? (typeof document === "undefined" ? "token" : "cookie");
    this.#store = options.store ?? defaultStore();
    this.#tracing = new Tracing(options.tracing);
    this.#http = new Http(options.url, around.fetch);
    this.#keeper = new TokenKeeper(this.#http, this.#mode, this.#store, around, this.#scope);
    this.#keeper.on("begun", (login) => this.#begin(login));
    this.#keeper.on("changed", ({ user }) => this.emit("userChanged", { user }));
    this.#keeper.on("ended", ({ login, reason }) => this.#end(login, reason));
    this.#ready = this.#restore();
    this.#watchPage();
  }

  /** Ends when it is known who is logged in. */
  async ready(): Promise<User | null> {
    await this.#ready;
    return this.user;
  }

  get user(): User | null {
    return this.#keeper.login?.user ?? null;
  }

  /** This device's own session. */
  get session(): LoginSession | null {
    return this.#keeper.login?.session ?? null;
  }

  /** The user's sessions on all devices. Throws a LoggedOutError, as everything that needs a log-in. */
  get sessions(): SessionList {
    return this.#session.sessions;
  }

  get connection(): LinkState {
    return this.#live?.link.state ?? "disconnected";
  }

  /** The answer does not tell whether the address was free. */
  async register(account: { email: string; password: string; name?: string }): Promise<void> {
    await this.#http.send({ method: "POST", path: "/v1/accounts", body: { ...account } });
  }

  login(credentials: { email: string; password: string }): Promise<User> {
    return this.#login("/v1/login", credentials);
  }

  /** With the ID token of an identity provider that the server knows. */
  loginExternal(credentials: { issuer: string; token: string }): Promise<User> {
    return this.#login("/v1/login/external", credentials);
  }

  /** Forgets the log-in on this device, also when the server does not answer within 5 s. */
  async logout(): Promise<void> {
    await this.#ready;
    if (!this.#live) return;
    this.#keeper.expectEnd("logout");
    await within(logoutPatienceMs, this.#tellLogout());
    await this.#keeper.end("logout");
    await this.#ending;
  }

  /** All other sessions of the user end. */
  async changePassword(current: string, next: string): Promise<void> {
    const body = { current_password: current, new_password: next };
    await this.request({ method: "POST", path: "/v1/me/password", body });
  }

  /**
   * The document of that name, shared by the user's devices. The same object for each call while logged in.
   * Throws a SynclineError where no document can have that name.
   */
  state<T>(key: string): SharedState<T> {
    return this.#session.state<T>(key);
  }

  /** A channel of the application's own. */
  channel(name: string, options: Omit<ChannelOptions, "needsToken"> & { getToken?: ChannelToken } = {}): Channel {
    const { getToken, ...rest } = options;
    return this.#session.channel(name, rest, getToken);
  }

  /** Hears a channel that the server subscribes the connection to by itself. Returns what ends the listening. */
  listen(channel: string, listener: ChannelListener): () => void {
    return this.#session.link.followOwn(channel, listener);
  }

  rpc<T>(method: string, data: unknown = {}): Promise<T> {
    return this.#session.rpc<T>(method, toJson(data));
  }

  /** Any other request of the REST API, as this user. */
  request<T>(request: Omit<Request, "bearer">): Promise<T> {
    return this.#session.http.send<T>(request);
  }

  /** An access token, for a service that verifies the server's tokens. */
  token(): Promise<string> {
    return this.#session.http.token();
  }

  /** Gets a new one although the present one is good. Tabs that do so at once get the same. */
  async refreshToken(): Promise<string> {
    const { http } = this.#session;
    return http.token(await http.token());
  }

  /** Connect again after the server has closed the connection for good. */
  connect(): void {
    this.#session.link.connect();
  }

  /** Ends this client; the log-in stays. */
  async close(): Promise<void> {
    await this.#ready;
    this.#keeper.close();
    await this.#live?.close("closed");
    this.#live = null;
    this.#letGo();
  }

  get #session(): LiveSession {
    if (!this.#live) throw new LoggedOutError("no_session");
    return this.#live;
  }

  async #restore(): Promise<void> {
    if (this.around.locks) this.#letGo = await holdTabLock(this.around.locks, this.#tab);
    await this.#keeper.restore();
  }

  /** A cookie names the session too. */
  async #tellLogout(): Promise<void> {
    const bearer = await this.#keeper.token().catch(() => "");
    await this.#http.send({ method: "POST", path: "/v1/logout", bearer }).catch(() => undefined);
  }

  async #login(path: string, credentials: object): Promise<User> {
    await this.logout();
    const device = { id: await this.#deviceId(), ...this.options.device };
    const body = toJson({ ...credentials, device, mode: this.#mode });
    const answer = await this.#http.send<TokenAnswer>({ method: "POST", path, body });
    await this.#keeper.adopt(answer);
    return answer.user;
  }

  /** Made once for this installation; where nothing can be stored, once for each log-in. */
  async #deviceId(): Promise<string> {
    const name = `${this.#scope}|device`;
    const known = await this.#store.get(name).catch(() => null);
    if (typeof known === "string") return known;
    const id = newId();
    await this.#store.put(name, id).catch(() => undefined);
    return id;
  }

  #begin(login: Login): void {
    const live = new LiveSession(this.#setting(), login);
    this.#live = live;
    live.reviveQueues().catch(() => undefined); // nothing can be read, so nothing was left
    this.emit("loggedIn", { user: login.user, session: login.session });
  }

  #end({ user }: Login, reason: string): void {
    const live = this.#live;
    this.#live = null;
    this.#ending = live?.end(reason).catch(() => undefined) ?? Promise.resolve();
    this.emit("loggedOut", { reason, user });
  }

  #setting(): SessionSetting {
    const { url, websocketPath = "/connection/websocket", isAlone = false } = this.options;
    const { worker = null, websocket, centrifuge = {} } = this.options;
    const client = websocket ? { websocket, ...centrifuge } : centrifuge;
    const around = isAlone ? { ...this.around, openBroadcast: null } : this.around;
    return {
      http: this.#http,
      keeper: this.#keeper,
      store: this.#store,
      scope: this.#scope,
      around,
      websocketUrl: url.replace(/^http/, "ws").replace(/\/+$/, "") + websocketPath,
      wire: { tab: this.#tab, worker, client },
      tracing: this.#tracing,
      handleEvent: (event) => this.#handleEvent(event),
      handleLink: (state, code) => this.#handleLink(state, code),
    };
  }

  #handleLink(state: LinkState, code: number): void {
    this.emit("connection", { state, code });
    if (state === "connected") this.#live?.sessions.refresh();
    if (state === "disconnected" && code === terminalCode) void this.#keeper.end("session_revoked");
  }

  #handleEvent(event: SessionEvent): void {
    const name = eventNames[event.type];
    if (name) this.emit(name, event);
    if (event.type === "session.revoked" && event.sid === this.session?.id)
      void this.#keeper.end(event.reason ?? "revoked");
    this.emit("sessionsChanged", event);
  }

  /** A page that goes into the browser's back/forward cache is not to be waited for. */
  #watchPage(): void {
    if (!this.around.locks || typeof window === "undefined") return;
    window.addEventListener("pagehide", () => this.#live?.link.suspend());
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.#live?.link.resume());
  }
}

/** Ends when the work has ended, or after that time. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([work, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}

export function createSyncline(options: SynclineOptions): Syncline {
  return new Syncline(options);
}
