export interface DemoConfig {
  readonly channel: string;
  readonly api_key: string;
  readonly websocket_path: string;
  readonly api_path: string;
}

/** The page's own origin, asked for what a real backend would hand to its frontend. */
export async function fetchConfig(): Promise<DemoConfig> {
  return (await answer(await fetch("config.json"))) as DemoConfig;
}

export async function fetchToken(user: string): Promise<string> {
  const response = await fetch("token", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user }),
  });
  const { token } = (await answer(response)) as { token: string };
  return token;
}

async function answer(response: Response): Promise<unknown> {
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}

export function websocketUrl(page: Location, path: string): string {
  return `${page.protocol === "https:" ? "wss" : "ws"}://${page.host}${path}`;
}
