/** What the server answered instead of doing it. `code` is stable; the list is in the documentation of the REST API. */
export class SynclineError extends Error {
  override readonly name = "SynclineError";

  constructor(
    /** HTTP status, also of an answer that came over the live connection; 0 when no answer came. */
    readonly status: number,
    readonly code: string,
    readonly detail = "",
    /** The member of the request that is wrong, as a dotted path. */
    readonly field = "",
    readonly retryAfterS = 0,
    /** Whatever else the answer says. */
    readonly body: object = {},
  ) {
    super(detail ? `${code}: ${detail}` : code);
  }

  /** Whether the same request may succeed later. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** There is no session (any more): log in. */
export class LoggedOutError extends Error {
  override readonly name = "LoggedOutError";

  constructor(readonly reason: string) {
    super(`logged out: ${reason}`);
  }
}

/** No answer, and whether the server did it is unknown. */
export function noAnswer(detail: string): SynclineError {
  return new SynclineError(0, "no_answer", detail);
}
