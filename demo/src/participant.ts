import {
  Centrifuge,
  type JoinContext,
  type LeaveContext,
  type PublicationContext,
  type SubscribedContext,
  type Subscription,
} from "centrifuge";
import { fetchToken, websocketUrl, type DemoConfig } from "./backend.js";
import { Ledger } from "./ledger.js";
import { readMessage, type Arrival, type Message, type SendTimes } from "./message.js";
import { Recovery, reportUnrecovered, type RecoveryReport } from "./recovery.js";
import { Roster, displayName, type Person } from "./roster.js";
import { Wire, type WireEvent } from "./wire.js";

export type LinkState = "connecting" | "live" | "closed";

/** What a participant tells whoever shows it. */
export interface ParticipantListener {
  handleLink(state: LinkState, detail: string): void;
  handleMessage(message: Message): void;
  handlePeople(people: Person[]): void;
  handleNote(text: string): void;
  handleRecovery(report: RecoveryReport): void;
  handleWire(event: WireEvent): void;
}

/** How many earlier messages a client that starts without a position shows. */
const pastLimit = 30;

/** One user with one connection: an unmodified SDK client on a wire of its own. */
export class Participant {
  readonly name: string;
  readonly ledger = new Ledger();
  readonly wire: Wire;
  private readonly roster = new Roster();
  private readonly client: Centrifuge;
  private readonly subscription: Subscription;
  private recovery: Recovery | null = null;
  /** Live messages that wait while older ones are fetched, so that they are shown in order. */
  private held: Message[] | null = null;

  constructor(
    readonly user: string,
    config: DemoConfig,
    private readonly sendTimes: SendTimes,
    private readonly listener: ParticipantListener,
  ) {
    this.name = displayName(user);
    this.wire = new Wire((event) => listener.handleWire(event));
    this.client = new Centrifuge(websocketUrl(location, config.websocket_path), {
      getToken: () => fetchToken(user),
      websocket: this.wire.socketClass,
      networkEventTarget: this.wire,
      name: "syncline-demo",
      maxReconnectDelay: 5_000,
    });
    this.subscription = this.client.newSubscription(config.channel, {
      recoverable: true,
      positioned: true,
      joinLeave: true,
    });
    this.listen();
  }

  start(): void {
    this.subscription.subscribe();
    this.client.connect();
  }

  async send(text: string): Promise<void> {
    try {
      await this.subscription.publish(this.sendTimes.stamp(text, this.user));
    } catch (failure) {
      this.listener.handleNote(`not sent: ${reasonOf(failure)}`);
    }
  }

  private listen(): void {
    const { client, subscription, listener } = this;
    client.on("connecting", ({ reason }) => listener.handleLink("connecting", reason));
    client.on("disconnected", ({ code, reason }) => listener.handleLink("closed", `${reason} (${code})`));
    subscription.on("unsubscribed", ({ code, reason }) => listener.handleLink("closed", `${reason} (${code})`));
    subscription.on("error", ({ error }) => listener.handleNote(`subscription: ${error.message} (${error.code})`));
    subscription.on("subscribed", (context) => this.handleSubscribed(context));
    subscription.on("publication", (publication) => this.handlePublication(publication));
    subscription.on("join", (context) => this.handleJoin(context));
    subscription.on("leave", (context) => this.handleLeave(context));
  }

  private handleSubscribed(context: SubscribedContext): void {
    this.listener.handleLink("live", context.recoverable ? "recoverable" : "not recoverable");
    void this.loadPeople();
    if (context.wasRecovering && context.recovered) {
      this.followRecovery();
    } else {
      this.beginAfresh(context);
    }
  }

  /** The SDK delivers the recovered publications in the same task, right after the event; live ones come later. */
  private followRecovery(): void {
    const recovery = new Recovery(this.ledger);
    this.recovery = recovery;
    queueMicrotask(() => {
      this.recovery = null;
      this.listener.handleRecovery(recovery.report());
    });
  }

  private beginAfresh({ streamPosition, wasRecovering }: SubscribedContext): void {
    const position = streamPosition ?? { epoch: "", offset: 0 };
    const isReturning = this.ledger.epoch !== "";
    if (wasRecovering) this.listener.handleRecovery(reportUnrecovered(this.ledger, position));
    else if (isReturning) this.listener.handleNote("resubscribed without recovery: what was missed is unknown");
    const shownUpTo = position.epoch === this.ledger.epoch ? this.ledger.last : 0;
    this.ledger.beginAt(position.epoch, position.offset);
    void this.loadPast(shownUpTo, position.offset);
  }

  private handlePublication(publication: PublicationContext): void {
    const arrival: Arrival = this.recovery ? "recovered" : "live";
    const verdict = publication.offset ? this.ledger.record(publication.offset) : "next";
    this.recovery?.countOne();
    if (verdict === "duplicate") this.listener.handleNote(`duplicate: offset ${publication.offset}`);
    const message = readMessage(publication, arrival, this.sendTimes);
    if (this.held) this.held.push(message);
    else this.listener.handleMessage(message);
  }

  private handleJoin({ info }: JoinContext): void {
    this.roster.join(info);
    this.listener.handlePeople(this.roster.people());
    if (info.user !== this.user) this.listener.handleNote(`${displayName(info.user)} joined`);
  }

  private handleLeave({ info }: LeaveContext): void {
    this.roster.leave(info);
    this.listener.handlePeople(this.roster.people());
    if (info.user !== this.user) this.listener.handleNote(`${displayName(info.user)} left`);
  }

  private async loadPeople(): Promise<void> {
    try {
      const { clients } = await this.subscription.presence();
      this.roster.replace(Object.values(clients));
      this.listener.handlePeople(this.roster.people());
    } catch (failure) {
      this.noteUnlessCut("presence", failure);
    }
  }

  /** Shows what the channel's history still has after one offset, up to another. */
  private async loadPast(after: number, upTo: number): Promise<void> {
    const held: Message[] = [];
    this.held = held;
    try {
      const { publications } = await this.subscription.history({ limit: pastLimit, reverse: true });
      const past = publications.filter(({ offset = 0 }) => after < offset && offset <= upTo).reverse();
      past.forEach((publication) => this.listener.handleMessage(readMessage(publication, "history", this.sendTimes)));
    } catch (failure) {
      this.noteUnlessCut("history", failure);
    } finally {
      if (this.held === held) this.held = null;
      held.forEach((message) => this.listener.handleMessage(message));
    }
  }

  /** A question the cut left unanswered is asked again when the client is back. */
  private noteUnlessCut(question: string, failure: unknown): void {
    if (this.wire.state === "whole") this.listener.handleNote(`${question}: ${reasonOf(failure)}`);
  }
}

function reasonOf(failure: unknown): string {
  const { message, code } = failure as { message?: string; code?: number };
  return `${message ?? String(failure)}${code === undefined ? "" : ` (${code})`}`;
}
