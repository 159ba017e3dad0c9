import { batch, computed, signal } from "@preact/signals";
import { createSyncline, LoggedOutError, SynclineError, type LinkState, type Syncline, type User } from "syncline";

/** `refused`: logged in, but the server does not let this user see anything here. */
export type Phase = "starting" | "logged_out" | "refused" | "open";

/** Each tab of the console has a connection of its own: what it watches is nobody else's business. */
export let client: Syncline;

export const user = signal<User | null>(null);
export const link = signal<LinkState>("connecting");
/** Why the last log-in ended; "" for none, and after a log-out by hand. */
export const endReason = signal("");

const isReady = signal(false);
const isRefused = signal(false);

const roles: ReadonlySet<string> = new Set(["ADMIN", "OPS"]);

export const phase = computed<Phase>(() => {
  if (!isReady.value) return "starting";
  if (!user.value) return "logged_out";
  return isRefused.value || !roles.has(user.value.role) ? "refused" : "open";
});

/** Ends when it is known who is logged in. */
export async function startSession(websocketPath: string): Promise<void> {
  const { origin } = location;
  const device = { name: "Console", platform: "web" };
  client = createSyncline({ url: origin, websocketPath, mode: "cookie", isAlone: true, device });
  client.on("loggedIn", (login) => admit(login.user));
  client.on("userChanged", (change) => admit(change.user));
  client.on("loggedOut", ({ reason }) => leave(reason));
  client.on("connection", ({ state }) => (link.value = state));
  await client.ready().catch(() => null);
  isReady.value = true;
}

function admit(who: User): void {
  batch(() => {
    isRefused.value = false;
    endReason.value = "";
    user.value = who;
  });
}

function leave(reason: string): void {
  batch(() => {
    user.value = null;
    link.value = "connecting";
    endReason.value = reason === "logout" ? "" : reason;
  });
}

/** Throws a SynclineError. */
export async function logIn(email: string, password: string): Promise<void> {
  await client.login({ email, password });
}

export async function logOut(): Promise<void> {
  await client.logout();
}

/** What the server answered to a request of the console may mean that this user has no business here. */
export function noteFailure(failure: unknown): void {
  if (failure instanceof SynclineError && failure.status === 403 && failure.code === "forbidden") isRefused.value = true;
}

/** A sentence for whoever sees it. */
export function sentenceOf(failure: unknown): string {
  if (failure instanceof LoggedOutError) return "You are logged out.";
  if (!(failure instanceof SynclineError)) return "Something went wrong in this page. Reload it.";
  if (failure.status === 0) return "The server did not answer.";
  return sentences[failure.code] || failure.detail || `The server answered ${failure.status} (${failure.code}).`;
}

const sentences: Record<string, string> = {
  invalid_credentials: "E-mail address or password are wrong.",
  too_many_attempts: "Too many attempts. Wait a moment, then try again.",
  too_many_requests: "Too many requests. Wait a moment, then try again.",
  unavailable: "A service that the server depends on does not answer.",
};
