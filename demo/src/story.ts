import type { Pane } from "./pane.js";
import type { RecoveryReport } from "./recovery.js";

/** Long enough to read a caption and watch the panes. */
const beatMs = 2_800;

const recoveryDeadlineMs = 10_000;

/** The demonstration in three beats: cut one client, talk on the other, mend, and see what came back. */
export class Story {
  constructor(
    private readonly button: HTMLButtonElement,
    private readonly caption: HTMLElement,
    private readonly speaker: Pane,
    private readonly absentee: Pane,
  ) {
    button.addEventListener("click", () => void this.play());
  }

  private async play(): Promise<void> {
    if (!this.speaker.isLive || !this.absentee.isLive) {
      this.caption.textContent = "Both clients must be live first: mend their wires.";
      return;
    }
    this.button.disabled = true;
    try {
      await this.tell();
    } finally {
      this.button.disabled = false;
    }
  }

  private async tell(): Promise<void> {
    const speaker = this.speaker.participant.name;
    const absentee = this.absentee.participant.name;
    this.caption.textContent = `1 of 3: ${absentee}'s wire is cut. The hub sees ${absentee} leave.`;
    this.absentee.cut();
    await pause(beatMs);
    this.caption.textContent = `2 of 3: ${speaker} goes on talking. ${absentee} hears nothing.`;
    await this.speaker.sendBurst(5);
    await pause(beatMs);
    this.caption.textContent = `3 of 3: the wire is mended. ${absentee} asks for everything after its last offset.`;
    const recovery = this.absentee.nextRecovery();
    this.absentee.mend();
    const report = await Promise.race([recovery, pause(recoveryDeadlineMs)]);
    this.caption.textContent = outcome(absentee, report);
  }
}

function outcome(name: string, report: RecoveryReport | void): string {
  return report ? `${name}: ${report.sentence}.` : `${name} did not come back within ${recoveryDeadlineMs / 1000} s.`;
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
