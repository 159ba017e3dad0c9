import type { PublicationContext } from "centrifuge";
import { displayName } from "./roster.js";

/** How a message came to a client. */
export type Arrival = "live" | "recovered" | "history";

export interface Message {
  readonly author: string;
  readonly text: string;
  readonly arrival: Arrival;
  readonly offset: number | null;
  /** Publish to receipt, where this page sent the message itself: other senders' clocks are not ours to compare. */
  readonly latencyMs: number | null;
}

/** What the page publishes. */
export interface Payload {
  readonly text: string;
  readonly from: string;
  readonly id: string;
}

/** Remembers when this page sent what, by message id. */
export class SendTimes {
  private readonly sentAtMs = new Map<string, number>();

  stamp(text: string, from: string): Payload {
    const id = randomId();
    this.sentAtMs.set(id, performance.now());
    return { text, from, id };
  }

  latencyMs(id: unknown): number | null {
    const sentAtMs = typeof id === "string" ? this.sentAtMs.get(id) : undefined;
    return sentAtMs === undefined ? null : performance.now() - sentAtMs;
  }
}

/** Works on plain HTTP too, where `crypto.randomUUID` does not exist. */
function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function readMessage(publication: PublicationContext, arrival: Arrival, sendTimes: SendTimes): Message {
  const { data, info, offset } = publication;
  const fields: Record<string, unknown> = isRecord(data) ? data : {};
  return {
    // The hub vouches for `info`; `from` is only what a backend says of itself.
    author: info ? displayName(info.user) : displayName(stringOr(fields["from"], "backend")),
    text: stringOr(fields["text"], JSON.stringify(data)),
    arrival,
    offset: offset ?? null,
    latencyMs: arrival === "live" ? sendTimes.latencyMs(fields["id"]) : null,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function stringOr(value: unknown, fallback: string): string {
  return typeof value === "string" && value !== "" ? value : fallback;
}
