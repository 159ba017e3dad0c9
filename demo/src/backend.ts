export interface DemoConfig {
  /** A user's own channel is this one with `#<user>` behind it. */
  readonly channel: string;
  readonly api_key: string;
  readonly api_path: string;
}

/** The page's own origin, asked for what a real backend would know. */
export async function fetchConfig(): Promise<DemoConfig> {
  const response = await fetch("config.json");
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as DemoConfig;
}

/** Where a backend tells a user something: only this user's devices may listen. */
export function noticeChannel({ channel }: DemoConfig, userId: string): string {
  return `${channel}#${userId}`;
}
