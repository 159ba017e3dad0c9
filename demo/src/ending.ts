/** How a device's log-in ended. */
export interface Ending {
  /** As in the table of the hub's session events. */
  readonly reason: string;
  /** Of the live connection; 0 while it is not known. */
  readonly code: number;
  readonly codeReason: string;
}

const sentences: ReadonlyMap<string, string> = new Map([
  ["logout", "You signed out on this device."],
  ["revoked", "This device was signed out from another one."],
  ["session_revoked", "This device was signed out from another one."],
  ["password_changed", "The password was changed on another device."],
  ["refresh_reused", "Its refresh token was used twice, as a stolen one would be."],
  ["administrator", "An administrator ended this session."],
  ["disabled", "The account was disabled."],
  ["session_limit", "A newer session took its place."],
  ["expired", "The session has expired."],
  ["identity_provider", "The identity provider ended this session."],
]);

/** Whether the hub has ended the session; anything else means that it does not know of it (any more). */
export function isKnownEnding(reason: string): boolean {
  return sentences.has(reason);
}

export function describeEnding(reason: string): string {
  return sentences.get(reason) ?? `The session is over (${reason}).`;
}

/** "Close code 3590, session revoked", or nothing where the device closed the connection itself. */
export function describeClose({ code, codeReason }: Ending): string {
  if (code < 3000) return "";
  return codeReason ? `Close code ${code}, ${codeReason}` : `Close code ${code}`;
}
