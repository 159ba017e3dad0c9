import type { Device } from "./device.js";
import { describeClose, describeEnding } from "./ending.js";
import { part, say } from "./part.js";
import { plural } from "./sentences.js";
import type { SignOutClock } from "./sign_out_clock.js";

/** What stands in the place of the documents when a device is signed out. */
export class EndedView {
  private readonly body: HTMLElement;
  private readonly panel: HTMLElement;
  private readonly button: HTMLButtonElement;
  private lastSid = "";
  private elapsedMs: number | null = null;

  constructor(
    private readonly root: ParentNode,
    private readonly device: Device,
    private readonly clock: SignOutClock,
    signIn: () => Promise<void>,
  ) {
    this.body = part(root, "body", HTMLDivElement);
    this.panel = part(root, "ended", HTMLDivElement);
    this.button = part(root, "sign-in", HTMLButtonElement);
    this.button.addEventListener("click", () => void this.run(signIn));
  }

  show(): void {
    const { sid, ending } = this.device;
    if (sid) this.lastSid = sid;
    const isEnded = sid === null && ending !== null;
    if (isEnded) this.elapsedMs = this.clock.stop(this.lastSid) ?? this.elapsedMs;
    else this.elapsedMs = null;
    this.exchange(isEnded);
    if (ending) this.describe();
  }

  private describe(): void {
    const { ending } = this.device;
    if (!ending) return;
    const facts = [`Reason: ${ending.reason}`, describeClose(ending), this.describeTime()].filter(Boolean);
    say(part(this.root, "ended-sentence", HTMLParagraphElement), describeEnding(ending.reason));
    say(part(this.root, "ended-facts", HTMLParagraphElement), facts.join(" · "));
    say(part(this.root, "ended-wiped", HTMLParagraphElement), this.describeStore());
  }

  private describeTime(): string {
    return this.elapsedMs === null ? "" : `${Math.round(this.elapsedMs)} ms after the click`;
  }

  /** Read from the store, not assumed. */
  private describeStore(): string {
    const left = this.device.store.names;
    const isWiped = !left.some((name) => name.includes("|doc|") || name.endsWith("|login"));
    if (isWiped) return "Wiped from this device: tokens, cart, draft and what was waiting. It keeps its own id only.";
    return `Being wiped: ${plural(left.length, "record")} left.`;
  }

  private exchange(isEnded: boolean): void {
    if (this.panel.hidden === !isEnded) return;
    const hadFocus = this.body.contains(document.activeElement) || this.panel.contains(document.activeElement);
    this.body.hidden = isEnded;
    this.panel.hidden = !isEnded;
    if (!hadFocus) return;
    if (isEnded) this.button.focus();
    else part(this.root, "name", HTMLHeadingElement).focus();
  }

  private async run(signIn: () => Promise<void>): Promise<void> {
    this.button.disabled = true;
    await signIn();
    this.button.disabled = false;
  }
}
