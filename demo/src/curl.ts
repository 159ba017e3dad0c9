import type { DemoConfig } from "./backend.js";

/** A command line that publishes into the demo's channel, quoted for a POSIX shell. */
export function curlLine(origin: string, { api_path, api_key, channel }: DemoConfig): string {
  const body = JSON.stringify({ channel, data: { text: "Hello from a backend", from: "backend" } });
  return [
    `curl -X POST ${origin}${api_path}/publish`,
    `-H ${shellQuoted(`X-API-Key: ${api_key}`)}`,
    `-d ${shellQuoted(body)}`,
  ].join(" ");
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
