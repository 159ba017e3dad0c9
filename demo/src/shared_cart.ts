import type { Outcome, SharedState } from "syncline";
import { adding, changing, describeChanges, keyOf, linesOf, removing, type Cart, type CartLine } from "./cart.js";
import { CatchUp } from "./catch_up.js";
import { Edits } from "./edits.js";
import { reasonOf } from "./sentences.js";
import type { DeviceListener } from "./device.js";

/** The document "cart" on one device, for as long as one log-in lasts, and what there is to tell of it. */
export class SharedCart {
  private readonly edits = new Edits();
  private catchUp: CatchUp | null = null;
  /** As last told of; null before it has been loaded. */
  private told: { version: number; lines: readonly CartLine[] } | null = null;
  private readonly unsubscribe: () => void;
  private isClosed = false;

  constructor(
    private readonly state: SharedState<Cart>,
    private readonly isConnected: () => boolean,
    private readonly listener: Pick<DeviceListener, "handleChange" | "handleEvent">,
  ) {
    this.unsubscribe = state.subscribe(() => this.handleChange());
  }

  /** The log-in is over: nothing more is told of it. */
  close(): void {
    this.isClosed = true;
    this.catchUp = null;
    this.unsubscribe();
  }

  get value(): Cart | undefined {
    return this.state.value;
  }

  get version(): number {
    return this.state.version;
  }

  get isLoaded(): boolean {
    return this.state.status.phase !== "loading";
  }

  /** Whether it is what the hub has. */
  get isLevel(): boolean {
    return this.isConnected() && this.state.status.phase === "synced";
  }

  /** Edits that the hub is not known to have; of those made before a reload, what they were joined to. */
  get waiting(): number {
    return Math.max(this.edits.count, this.state.status.pending);
  }

  isWaiting(key: string): boolean {
    return this.edits.waitingFor(key) > 0;
  }

  add(name: string): void {
    this.edit(keyOf(name), adding(name));
  }

  change(key: string, name: string, by: number): void {
    this.edit(key, changing(key, name, by));
  }

  remove(key: string): void {
    this.edit(key, removing(key));
  }

  /** The device is cut off: tell what was missed once it is level again. */
  expectCatchUp(): void {
    this.catchUp ??= new CatchUp(this.edits, this.version);
  }

  /** The document, or the connection, is different. */
  handleChange(): void {
    this.tellChanges();
    this.listener.handleChange();
    // What was missed comes in one task, change by change; the report is about all of it.
    if (this.catchUp && this.isLevel) setTimeout(() => this.reportCatchUp());
  }

  private edit(key: string, compute: (cart: Cart | undefined) => Cart): void {
    this.edits.follow(key, this.state.update(compute), (outcome) => this.handleOutcome(outcome));
    this.listener.handleChange();
  }

  private handleOutcome(outcome: Outcome): void {
    if (this.isClosed) return;
    if (!outcome.accepted) this.listener.handleEvent(`An edit was not applied: ${reasonOf(outcome.error)}.`, "bad");
    this.handleChange();
  }

  /** What differs with a newer version is what other devices did: edits of this one show before they have a version. */
  private tellChanges(): void {
    if (!this.isLoaded) return;
    const { version, told } = this;
    const lines = linesOf(this.value);
    const changes = told && version > told.version ? describeChanges(told.lines, lines) : [];
    this.told = { version, lines };
    if (changes.length) this.listener.handleEvent(`From another device: ${changes.join(", ")}.`, "plain");
  }

  private reportCatchUp(): void {
    if (!this.catchUp || !this.isLevel || this.edits.count) return;
    this.listener.handleEvent(`Caught up: ${this.catchUp.report(this.version)}.`, "good");
    this.catchUp = null;
  }
}
