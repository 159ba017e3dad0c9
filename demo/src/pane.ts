import type { DemoConfig } from "./backend.js";
import { Feed } from "./feed.js";
import type { Message, SendTimes } from "./message.js";
import { Participant, type LinkState, type ParticipantListener } from "./participant.js";
import { element, part, stamp } from "./part.js";
import type { RecoveryReport } from "./recovery.js";
import { displayName, type Person } from "./roster.js";
import type { WireEvent, WireState } from "./wire.js";

const burstSize = 5;

const badgeTexts: Record<LinkState, string> = { connecting: "Connecting", live: "Live", closed: "Disconnected" };

/** What a pane tells the page around it. */
export interface PaneObserver {
  handleProgress(): void;
  handleWire(name: string, event: WireEvent): void;
}

/** One client as the reader sees it: its connection, who it sees, what it received, and what it can do. */
export class Pane implements ParticipantListener {
  readonly participant: Participant;
  readonly root = stamp("pane-template");
  private readonly feed: Feed;
  private link: LinkState = "connecting";
  private burstCount = 0;
  private recoveryWaiter: ((report: RecoveryReport) => void) | null = null;

  constructor(
    user: string,
    config: DemoConfig,
    sendTimes: SendTimes,
    private readonly observer: PaneObserver,
  ) {
    const name = displayName(user);
    this.feed = new Feed(this.part("feed", HTMLDivElement), name);
    this.label(user, name);
    this.participant = new Participant(user, config, sendTimes, this);
    this.bindControls();
    this.showLink("");
    this.showLedger();
  }

  get isLive(): boolean {
    return this.link === "live";
  }

  cut(): void {
    this.participant.wire.cut();
    this.feed.addNote("wire cut");
    this.showWire();
  }

  mend(): void {
    this.participant.wire.mend();
    this.feed.addNote("wire mended");
    this.showWire();
  }

  /** Publishes a handful, one after another, so that their order is the order of writing. */
  async sendBurst(count: number): Promise<void> {
    this.burstCount += 1;
    for (let i = 1; i <= count; i += 1) {
      await this.participant.send(`Message ${i} of ${count}, round ${this.burstCount}`);
    }
  }

  nextRecovery(): Promise<RecoveryReport> {
    return new Promise((resolve) => {
      this.recoveryWaiter = resolve;
    });
  }

  handleLink(state: LinkState, detail: string): void {
    this.link = state;
    this.showLink(detail);
    this.observer.handleProgress();
  }

  handleMessage(message: Message): void {
    this.feed.addMessage(message);
    this.showLedger();
    this.observer.handleProgress();
  }

  handlePeople(people: Person[]): void {
    const chips = people.map(({ user, connections }) => {
      const isSelf = user === this.participant.user;
      const count = connections > 1 ? ` ×${connections}` : "";
      const chip = element("li", "person", `${displayName(user)}${isSelf ? " (you)" : ""}${count}`);
      chip.dataset["author"] = user;
      return chip;
    });
    this.part("people", HTMLUListElement).replaceChildren(...chips);
  }

  handleNote(text: string): void {
    this.feed.addNote(text);
  }

  handleRecovery(report: RecoveryReport): void {
    this.feed.addNote(report.sentence, report.isComplete ? "good" : "bad");
    this.showLedger();
    this.recoveryWaiter?.(report);
    this.recoveryWaiter = null;
    this.observer.handleProgress();
  }

  handleWire(event: WireEvent): void {
    if (event.kind === "sent" || event.kind === "received") this.pulse(event.kind);
    this.observer.handleWire(this.participant.name, event);
  }

  private part<E extends HTMLElement>(name: string, type: new () => E): E {
    return part(this.root, name, type);
  }

  private label(user: string, name: string): void {
    this.root.dataset["pane"] = user;
    this.root.setAttribute("aria-label", `${name}'s client`);
    this.part("avatar", HTMLSpanElement).textContent = name.charAt(0);
    this.part("name", HTMLHeadingElement).textContent = name;
    this.part("wire-end", HTMLSpanElement).textContent = name;
    this.part("people", HTMLUListElement).setAttribute("aria-label", `Who ${name} sees here`);
    this.part("feed", HTMLDivElement).setAttribute("aria-label", `Messages ${name} received`);
    this.part("text", HTMLInputElement).setAttribute("aria-label", `Message as ${name}`);
  }

  private bindControls(): void {
    const input = this.part("text", HTMLInputElement);
    this.part("form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text === "" || !this.isLive) return;
      input.value = "";
      void this.participant.send(text);
    });
    this.part("burst", HTMLButtonElement).addEventListener("click", () => void this.sendBurst(burstSize));
    this.part("cut", HTMLButtonElement).addEventListener("click", () => {
      if (this.participant.wire.state === "whole") this.cut();
      else this.mend();
    });
  }

  private showLink(detail: string): void {
    const badge = this.part("badge", HTMLSpanElement);
    const isCut = this.participant.wire.state === "cut";
    badge.textContent = isCut && this.link !== "live" ? "Wire cut" : badgeTexts[this.link];
    badge.title = detail;
    this.root.dataset["link"] = this.link;
    for (const name of ["send", "burst"]) this.part(name, HTMLButtonElement).disabled = !this.isLive;
    this.part("text", HTMLInputElement).placeholder = this.invitation();
  }

  private invitation(): string {
    const { name } = this.participant;
    return this.isLive ? `Say something as ${name}` : `${name} is offline`;
  }

  private showWire(): void {
    const state: WireState = this.participant.wire.state;
    const button = this.part("cut", HTMLButtonElement);
    button.textContent = state === "whole" ? "Cut the wire" : "Mend the wire";
    this.root.dataset["wire"] = state;
    this.showLink("");
  }

  private showLedger(): void {
    const { ledger } = this.participant;
    const verdict = this.part("verdict", HTMLSpanElement);
    verdict.textContent = ledger.describe();
    verdict.dataset["sound"] = String(ledger.isSound);
    this.part("position", HTMLSpanElement).textContent = ledger.epoch
      ? `offset ${ledger.last} · epoch ${ledger.epoch}`
      : "no position yet";
  }

  private pulse(kind: "sent" | "received"): void {
    const wire = this.part("wire", HTMLDivElement);
    const dot = element("span", `pulse pulse-${kind}`);
    dot.addEventListener("animationend", () => dot.remove());
    // Without motion the animation never runs, so never ends.
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) wire.append(dot);
  }
}
