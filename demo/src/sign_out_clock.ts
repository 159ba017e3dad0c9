/** Measures, within this page, how long it takes from the click to the end of the other device's connection. */
export class SignOutClock {
  private readonly clickedAtMs = new Map<string, number>();

  click(sid: string): void {
    this.clickedAtMs.set(sid, performance.now());
  }

  /** Milliseconds since the click, the first time it is asked for; null when nobody has clicked here. */
  stop(sid: string): number | null {
    const clickedAtMs = this.clickedAtMs.get(sid);
    this.clickedAtMs.delete(sid);
    return clickedAtMs === undefined ? null : performance.now() - clickedAtMs;
  }
}
