import { SynclineError } from "syncline";

/** "1 edit", "2 edits". */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** What went wrong, for people: an error of the hub says its code, and when it is worth trying again. */
export function reasonOf(failure: unknown): string {
  const message = failure instanceof Error ? failure.message : String(failure);
  const waitS = failure instanceof SynclineError ? failure.retryAfterS : 0;
  return waitS ? `${message}, try again in ${waitS} s` : message;
}

/** "just now", "3 min ago": how long ago something was. */
export function ago(atMs: number, nowMs: number): string {
  const minutes = Math.floor((nowMs - atMs) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ago` : `${plural(Math.floor(hours / 24), "day")} ago`;
}
