/** What the server says of itself before anybody has logged in. */
export interface Site {
  /** Path of its WebSocket endpoint. */
  readonly websocket: string;
}

const usual: Site = { websocket: "/connection/websocket" };

/** A server that does not answer now is taken for one with the usual paths: whatever comes next asks it again. */
export async function fetchSite(): Promise<Site> {
  try {
    const response = await fetch("config.json", { cache: "no-store" });
    return response.ok ? { ...usual, ...((await response.json()) as Site) } : usual;
  } catch {
    return usual;
  }
}
