import { signal } from "@preact/signals";

/** What the server says of itself before anybody has logged in. */
export interface Site {
  /** Path of its WebSocket endpoint. */
  readonly websocket: string;
  readonly version: string;
}

export const site = signal<Site>({ websocket: "/connection/websocket", version: "" });

/** A server that does not answer now is asked again by whatever comes next. */
export async function fetchSite(): Promise<Site> {
  try {
    const response = await fetch("config.json", { cache: "no-store" });
    if (response.ok) site.value = { ...site.peek(), ...((await response.json()) as Site) };
  } catch {
    return site.peek();
  }
  return site.peek();
}
