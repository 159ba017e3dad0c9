import type { LoginSession } from "syncline";
import type { DemoAccount } from "./account.js";
import type { DemoConfig } from "./backend.js";
import { CartView } from "./cart_view.js";
import { Device, type DeviceListener, type DeviceModel, type Tone } from "./device.js";
import { DraftView } from "./draft_view.js";
import { EndedView } from "./ended_view.js";
import { Feed } from "./feed.js";
import type { Notice } from "./notices.js";
import { element, part, say, stamp } from "./part.js";
import { reasonOf } from "./sentences.js";
import { SessionsView } from "./sessions_view.js";
import type { SignOutClock } from "./sign_out_clock.js";
import type { WireEvent } from "./wire.js";

type Phase = "connecting" | "live" | "ended";

const badges: Record<Phase, string> = { connecting: "Connecting", live: "Live", ended: "Signed out" };

/** A burst of frames is one to look at. */
const maxPulses = 6;

/** What a pane tells the page around it. */
export interface PaneObserver {
  handleChange(): void;
  handleWire(device: string, event: WireEvent): void;
}

/** One device as the reader sees it: its wire, what it shares, who else is signed in, and what happened. */
export class Pane implements DeviceListener {
  readonly root = stamp("pane-template");
  readonly device: Device;
  readonly draft: DraftView;
  private readonly cart: CartView;
  private readonly sessions: SessionsView;
  private readonly ended: EndedView;
  private readonly feed: Feed;
  private isShowing = false;

  constructor(
    model: DeviceModel,
    config: DemoConfig,
    account: DemoAccount,
    private readonly clock: SignOutClock,
    private readonly observer: PaneObserver,
  ) {
    this.label(model);
    this.feed = new Feed(this.part("feed-list", HTMLOListElement));
    this.device = new Device(model, config, account, this);
    this.cart = new CartView(this.root, this.device);
    this.draft = new DraftView(this.root, this.device);
    this.sessions = new SessionsView(this.root, this.device, this);
    this.ended = new EndedView(this.root, this.device, clock, () => this.signIn());
    this.part("cut", HTMLButtonElement).addEventListener("click", () => this.toggleWire());
    this.show();
  }

  async signIn(): Promise<void> {
    await this.attempt(() => this.device.signIn());
  }

  async signOut(session: LoginSession): Promise<void> {
    this.clock.click(session.id);
    await this.attempt(() => this.device.signOut(session));
  }

  async signOutOthers(): Promise<void> {
    for (const { id, current } of this.device.sessions) if (!current) this.clock.click(id);
    await this.attempt(() => this.device.signOutOthers());
  }

  async logout(): Promise<void> {
    await this.attempt(() => this.device.logout());
  }

  /** Many changes in one task are shown once. */
  handleChange(): void {
    if (this.isShowing) return;
    this.isShowing = true;
    queueMicrotask(() => {
      this.isShowing = false;
      this.show();
      this.observer.handleChange();
    });
  }

  handleEvent(sentence: string, tone: Tone): void {
    this.feed.addSentence(sentence, tone);
  }

  handleNotice(notice: Notice): void {
    this.feed.addNotice(notice);
  }

  handleWire(event: WireEvent): void {
    if (event.kind === "sent" || event.kind === "received") this.pulse(event.kind);
    this.observer.handleWire(this.device.model.key, event);
  }

  /** Says what did not work, instead of failing without a word. */
  private async attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (failure) {
      const cause = this.device.wire.state === "cut" ? "the wire is cut" : reasonOf(failure);
      this.handleEvent(`That did not work: ${cause}.`, "bad");
    }
  }

  private part<E extends Element>(name: string, type: new () => E): E {
    return part(this.root, name, type);
  }

  private label({ key, name, platform }: DeviceModel): void {
    this.root.dataset["pane"] = key;
    this.root.setAttribute("aria-label", name);
    this.part("picture", SVGUseElement).setAttribute("href", `#picture-${key}`);
    say(this.part("name", HTMLHeadingElement), name);
    say(this.part("wire-end", HTMLSpanElement), platform);
    this.part("cut", HTMLButtonElement).setAttribute("aria-describedby", `${key}-name`);
    this.part("name", HTMLHeadingElement).id = `${key}-name`;
    this.part("feed", HTMLDivElement).setAttribute("aria-label", `What happened on ${name}`);
  }

  private toggleWire(): void {
    if (this.device.wire.state === "whole") this.device.cut();
    else this.device.mend();
  }

  private get phase(): Phase {
    const { device } = this;
    if (device.holding.phase === "signed_out") return "ended";
    return device.isLive && device.holding.phase === "held" ? "live" : "connecting";
  }

  private show(): void {
    const { device, phase } = this;
    const isCut = device.wire.state === "cut";
    this.root.dataset["phase"] = phase;
    this.root.dataset["wire"] = device.wire.state;
    say(this.part("badge", HTMLSpanElement), isCut && phase !== "ended" ? "Wire cut" : badges[phase]);
    say(this.part("cut", HTMLButtonElement), isCut ? "Mend the wire" : "Cut the wire");
    this.ended.show();
    this.cart.show();
    this.draft.show();
    this.sessions.show();
    say(this.part("versions", HTMLParagraphElement), this.describeVersions());
  }

  private describeVersions(): string {
    const { holding, draftVersion } = this.device;
    if (holding.phase !== "held") return "";
    return `cart version ${holding.version} · draft version ${draftVersion}`;
  }

  private pulse(kind: "sent" | "received"): void {
    const wire = this.part("wire", HTMLDivElement);
    if (wire.querySelectorAll(".pulse").length >= maxPulses) return;
    const dot = element("span", `pulse pulse-${kind}`);
    dot.setAttribute("aria-hidden", "true");
    dot.addEventListener("animationend", () => dot.remove());
    wire.append(dot);
    // Where less motion is preferred there is no animation, and so no end of one.
    if (getComputedStyle(dot).animationName === "none") dot.remove();
  }
}
