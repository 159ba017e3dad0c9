import { noticeChannel, type DemoConfig } from "./backend.js";

/** A command line that tells a user something, quoted for a POSIX shell. */
export function curlLine(origin: string, config: DemoConfig, userId: string): string {
  const data = { text: "Your transfer was booked", from: "backend" };
  const body = JSON.stringify({ channel: noticeChannel(config, userId), data });
  return [
    `curl -X POST ${origin}${config.api_path}/publish`,
    `-H ${shellQuoted(`X-API-Key: ${config.api_key}`)}`,
    `-d ${shellQuoted(body)}`,
  ].join(" ");
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
