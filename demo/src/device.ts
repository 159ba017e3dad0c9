import { Syncline, SynclineError, type LinkState, type LoginSession, type SharedState } from "syncline";
import type { DemoAccount } from "./account.js";
import { noticeChannel, type DemoConfig } from "./backend.js";
import type { Cart } from "./cart.js";
import type { Holding } from "./convergence.js";
import { DeviceStore } from "./device_store.js";
import { draftOf, draftPatch, emptyDraft, type Draft, type DraftField } from "./draft.js";
import { describeEnding, isKnownEnding, type Ending } from "./ending.js";
import { followNotices, NoticeLog, type Notice } from "./notices.js";
import { plural } from "./sentences.js";
import { SharedCart } from "./shared_cart.js";
import { Wire, type WireEvent } from "./wire.js";

export interface DeviceModel {
  readonly key: "laptop" | "phone";
  readonly name: string;
  readonly platform: string;
}

export type Tone = "plain" | "good" | "bad";

/** What a device tells whoever shows it. */
export interface DeviceListener {
  /** Something that can be read from the device is different. */
  handleChange(): void;
  /** Something has happened that is worth a sentence. */
  handleEvent(sentence: string, tone: Tone): void;
  handleNotice(notice: Notice): void;
  handleWire(event: WireEvent): void;
}

const endingName = "ending";

const noClose = { code: 0, reason: "" };

/** Everything of one log-in that ends with it. */
interface Open {
  readonly sid: string;
  readonly cart: SharedCart;
  readonly draft: SharedState<unknown>;
  readonly stop: (() => void)[];
}

/** One installation of a frontend: the package `syncline`, a network of its own, a store of its own. */
export class Device {
  readonly wire: Wire;
  readonly store: DeviceStore;
  link: LinkState = "disconnected";
  ending: Ending | null = null;
  sessions: readonly LoginSession[] = [];
  private readonly client: Syncline;
  /** What the page itself remembers of the device: no part of what a frontend would keep. */
  private readonly memory: DeviceStore;
  private readonly notices = new NoticeLog();
  private open: Open | null = null;
  /** Of this connection, or of the last one while there is none. */
  private lastClose = noClose;

  constructor(
    readonly model: DeviceModel,
    private readonly config: DemoConfig,
    private readonly account: DemoAccount,
    private readonly listener: DeviceListener,
  ) {
    this.wire = new Wire((event) => this.handleWire(event));
    this.store = new DeviceStore(sessionStorage, `syncline-demo:${model.key}:`, () => listener.handleChange());
    this.memory = new DeviceStore(sessionStorage, `syncline-demo:page:${model.key}:`, () => undefined);
    const { name, platform } = model;
    const options = {
      url: location.origin,
      mode: "token" as const,
      device: { name, platform },
      store: this.store,
      isAlone: true,
      websocket: this.wire.socketClass,
      centrifuge: { networkEventTarget: this.wire, maxReconnectDelay: 5_000 },
    };
    // Without locks and broadcasts: to the package, tabs of one browser are one device, and here one page is two.
    const around = { fetch: this.wire.fetch, locks: null, openBroadcast: null, now: () => Date.now() };
    this.client = new Syncline(options, around);
    this.listen();
  }

  /** Takes up the log-in of before a reload; otherwise logs in, unless the hub has ended the last one. */
  async start(): Promise<void> {
    if (await this.client.ready()) return;
    const ended = (await this.memory.get(endingName)) as Ending | undefined;
    this.ending ??= ended ?? null;
    if (this.ending && isKnownEnding(this.ending.reason)) this.listener.handleChange();
    else await this.signIn();
  }

  /** An account that the hub does not know (any more) is made. */
  async signIn(): Promise<void> {
    try {
      await this.login();
    } catch (failure) {
      if (!(failure instanceof SynclineError) || failure.code !== "invalid_credentials") throw failure;
      await this.register();
      await this.login();
    }
  }

  async register(): Promise<void> {
    const { email, password } = this.account;
    await this.client.register({ email, password, name: "Ada" });
  }

  private async login(): Promise<void> {
    const { email, password } = this.account;
    await this.client.login({ email, password });
  }

  get userId(): string | null {
    return this.client.user?.id ?? null;
  }

  get sid(): string | null {
    return this.open?.sid ?? null;
  }

  /** Whether documents arrive as they are written. */
  get isLive(): boolean {
    return this.open !== null && this.link === "connected" && this.wire.state === "whole";
  }

  /** Whether the cart is what the hub has. */
  get isLevel(): boolean {
    return this.open?.cart.isLevel ?? false;
  }

  /** Null while nobody is logged in. */
  get cart(): SharedCart | null {
    return this.open?.cart ?? null;
  }

  get draft(): Draft {
    return this.open ? draftOf(this.open.draft.value) : emptyDraft;
  }

  get draftVersion(): number {
    return this.open?.draft.version ?? 0;
  }

  get holding(): Holding {
    const { name } = this.model;
    const { cart } = this;
    if (!cart) return { name, phase: this.ending ? "signed_out" : "loading", version: 0, waiting: 0, value: undefined };
    const { version, value, waiting } = cart;
    return { name, phase: cart.isLoaded ? "held" : "loading", version, waiting, value };
  }

  type(typed: ReadonlyMap<DraftField, string>): void {
    void this.open?.draft.merge(draftPatch(typed, this.model.name));
  }

  discardDraft(): void {
    void this.open?.draft.remove();
  }

  cut(): void {
    this.cart?.expectCatchUp();
    this.wire.cut();
    this.say("Wire cut. What is edited here waits here.");
  }

  mend(): void {
    const waiting = this.holding.waiting;
    this.wire.mend();
    this.say(waiting ? `Wire mended. ${plural(waiting, "edit")} to send.` : "Wire mended.");
  }

  async signOut(session: LoginSession): Promise<void> {
    await this.client.sessions.revoke(session.id);
    this.say(`Signed out ${session.name}.`);
  }

  async signOutOthers(): Promise<void> {
    const count = await this.client.sessions.revokeOthers();
    this.say(`Signed out ${plural(count, "other device")}.`);
  }

  logout(): Promise<void> {
    return this.client.logout();
  }

  private listen(): void {
    const { client } = this;
    // One microtask later the package has attached the link that documents and channels go over.
    client.on("loggedIn", ({ session }) => queueMicrotask(() => this.begin(session)));
    client.on("loggedOut", ({ reason }) => this.end(reason));
    client.on("connection", ({ state }) => this.handleLink(state));
  }

  private begin({ id: sid }: LoginSession): void {
    if (this.client.session?.id !== sid) return;
    this.lastClose = noClose;
    this.ending = null;
    void this.memory.delete(endingName);
    const cart = new SharedCart(this.client.state<Cart>("cart"), () => this.isLive, this.listener);
    const draft = this.client.state<unknown>("draft");
    const stop = [
      () => cart.close(),
      draft.subscribe(() => this.listener.handleChange()),
      this.client.sessions.subscribe((sessions) => this.handleSessions(sessions)),
      this.followNotices(),
    ];
    this.open = { sid, cart, draft, stop };
    this.say("Signed in as Ada. The hub hands over what her devices share.", "good");
  }

  private end(reason: string): void {
    const lost = this.holding.waiting;
    for (const stop of this.open?.stop ?? []) stop();
    this.open = null;
    this.sessions = [];
    this.setEnding({ reason, code: this.lastClose.code, codeReason: this.lastClose.reason });
    this.say(`Signed out. ${describeEnding(reason)}${describeLoss(lost)}`, "bad");
  }

  private setEnding(ending: Ending): void {
    this.ending = ending;
    void this.memory.put(endingName, ending);
  }

  private followNotices(): () => void {
    const name = noticeChannel(this.config, this.userId ?? "");
    const channel = this.client.channel(name, { recoverable: true, positioned: true });
    return followNotices(channel, this.notices, (notice) => this.listener.handleNotice(notice));
  }

  private handleLink(state: LinkState): void {
    this.link = state;
    if (state === "connected") this.lastClose = noClose;
    this.cart?.handleChange();
    this.listener.handleChange();
  }

  private handleSessions(sessions: readonly LoginSession[]): void {
    this.sessions = sessions;
    this.listener.handleChange();
  }

  private handleWire(event: WireEvent): void {
    if (event.close) this.handleClose(event.close);
    this.listener.handleWire(event);
  }

  /** The close of the socket and the news of the end overtake each other. */
  private handleClose(close: { code: number; reason: string }): void {
    this.lastClose = close;
    if (!this.ending) return;
    this.setEnding({ ...this.ending, code: close.code, codeReason: close.reason });
    this.listener.handleChange();
  }

  private say(sentence: string, tone: Tone = "plain"): void {
    this.listener.handleEvent(sentence, tone);
    this.listener.handleChange();
  }
}

function describeLoss(count: number): string {
  return count ? ` ${plural(count, "edit")} that waited here ${count === 1 ? "is" : "are"} gone with it.` : "";
}
