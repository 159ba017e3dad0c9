import type { LoginSession } from "syncline";
import { ago, plural } from "./sentences.js";

/** What the list of devices says of one session. */
export interface SessionText {
  readonly title: string;
  readonly state: "online" | "offline";
  readonly detail: string;
  /** "laptop" or "phone", for the picture. */
  readonly picture: "laptop" | "phone";
}

export function describeSession(session: LoginSession, nowMs: number): SessionText {
  const { name, platform, connections = 0, created_at, last_seen_at } = session;
  const absence = `offline, last seen ${ago(last_seen_at, nowMs)}`;
  const presence = connections ? plural(connections, "live connection") : absence;
  return {
    title: name || "Unnamed device",
    state: connections ? "online" : "offline",
    detail: [platform, presence, `signed in ${ago(created_at, nowMs)}`].filter(Boolean).join(" · "),
    picture: /phone/i.test(platform) ? "phone" : "laptop",
  };
}
