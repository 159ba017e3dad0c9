// What a tab and the host of the connection tell each other. Everything is structured-cloneable.
import type { ClientInfo, StreamPosition } from "centrifuge";
import type { Json } from "../json.js";

export interface ChannelOptions {
  positioned?: boolean;
  recoverable?: boolean;
  joinLeave?: boolean;
  /** Whether the tab can be asked for a subscription token. */
  needsToken?: boolean;
}

export interface Publication {
  data: Json;
  offset?: number;
  tags?: Record<string, string>;
  info?: ClientInfo;
}

export type LinkState = "connecting" | "connected" | "disconnected";

export interface Failure {
  code: number;
  message: string;
  temporary: boolean;
}

export interface Call {
  method: "rpc" | "publish" | "history" | "presence" | "presenceStats";
  /** The channel; of an rpc its method. */
  target: string;
  data?: Json;
}

/** `later`: the server could not be asked. */
export type TokenAnswer = { token: string } | "logged_out" | "later";

export type ToHost =
  | { kind: "attach"; url: string; isLocked: boolean }
  | { kind: "detach" }
  | { kind: "connect" }
  | { kind: "subscribe"; channel: string; options: ChannelOptions; since: StreamPosition | null }
  | { kind: "unsubscribe"; channel: string }
  | { kind: "call"; id: number; call: Call }
  | { kind: "token"; id: number; answer: TokenAnswer }
  /** A publication that the hub asks about has been shown, in the span of `traceparent`; `of` published it. */
  | { kind: "shown"; channel: string; of: string; traceparent: string };

export type FromHost =
  | { kind: "hello" }
  | { kind: "state"; state: LinkState; code: number; reason: string }
  | { kind: "subscribed"; channel: string; recovered: boolean; position: StreamPosition | null }
  | { kind: "subscribing"; channel: string }
  | { kind: "unsubscribed"; channel: string; code: number; reason: string }
  | { kind: "publication"; channel: string; publication: Publication }
  | { kind: "join" | "leave"; channel: string; info: ClientInfo }
  | { kind: "answer"; id: number; result?: unknown; failure?: Failure }
  /** Asks for the connection's token, or for one of a channel. `stale` was good for nothing. */
  | { kind: "need_token"; id: number; channel: string; stale: string };

/** A message between tabs goes to some of them, or to whoever is the host. */
export interface Addressed {
  from: string;
  to: string[] | "host" | "everybody";
  message: ToHost | FromHost;
}

export function tabLock(tab: string): string {
  return `syncline:tab:${tab}`;
}

export function workerLock(name: string): string {
  return `syncline:worker:${name}`;
}
