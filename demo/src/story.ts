import type { Pane } from "./pane.js";

/** Long enough to read a caption and watch the panes. */
const beatMs = 3_000;

const letterMs = 60;

const patienceMs = 10_000;

/** The demonstration: edit on both sides of a cut, converge, continue a form elsewhere, sign a device out. */
export class Story {
  constructor(
    private readonly button: HTMLButtonElement,
    private readonly caption: HTMLElement,
    private readonly near: Pane,
    private readonly far: Pane,
  ) {
    button.addEventListener("click", () => void this.play());
  }

  private async play(): Promise<void> {
    this.button.disabled = true;
    try {
      await this.prepare();
      await this.tell();
    } catch (failure) {
      this.caption.textContent = failure instanceof Error ? failure.message : String(failure);
    } finally {
      this.button.disabled = false;
    }
  }

  /** Whatever the reader has left behind: both devices signed in and level. */
  private async prepare(): Promise<void> {
    for (const { device } of [this.near, this.far]) {
      if (device.wire.state === "cut") device.mend();
      if (device.holding.phase === "signed_out") await device.signIn();
    }
    await this.level("The story needs both devices live, and they are not.");
  }

  private async tell(): Promise<void> {
    await this.editApart();
    await this.converge();
    await this.followForm();
    await this.signOut();
  }

  private async editApart(): Promise<void> {
    const [near, far] = [this.near.device, this.far.device];
    far.cut();
    this.say(1, `${far.model.name} is cut off. Both go on filling the same cart.`);
    for (const [device, name] of [
      [near, "Espresso beans"],
      [far, "Espresso beans"],
      [near, "Oat milk"],
      [far, "Dark chocolate"],
    ] as const) {
      device.cart?.add(name);
      await pause(beatMs / 5);
    }
    await pause(beatMs);
  }

  private async converge(): Promise<void> {
    const far = this.far.device;
    const { name } = far.model;
    this.say(2, `The wire is mended. ${name} sends what waited, on top of what it missed: nothing is overwritten.`);
    far.mend();
    await this.level(`${name} did not catch up within ${patienceMs / 1000} s.`);
    await pause(beatMs * 1.5);
  }

  private async followForm(): Promise<void> {
    const { near, far } = this;
    this.say(3, `A form follows its user: begun on ${near.device.model.name}, continued on ${far.device.model.name}.`);
    await near.draft.typeSlowly("recipient", "Grace Hopper", letterMs);
    await near.draft.typeSlowly("amount", "120.00", letterMs);
    await pause(beatMs / 3);
    await far.draft.typeSlowly("note", "Dinner on Friday", letterMs);
    await pause(beatMs);
  }

  private async signOut(): Promise<void> {
    const [near, far] = [this.near.device, this.far.device];
    this.say(4, `${near.model.name} signs ${far.model.name} out. Its connection closes, its data are gone.`);
    const session = near.sessions.find(({ id }) => id === far.sid);
    if (session) await this.near.signOut(session);
    await until(() => far.holding.phase === "signed_out", `${far.model.name} is still signed in.`);
    await pause(beatMs);
    const outcome = `${far.model.name} is out, ${near.model.name} goes on.`;
    this.caption.textContent = `${outcome} Sign in again, or play it yourself.`;
  }

  private say(step: number, sentence: string): void {
    this.caption.textContent = `${step} of 4: ${sentence}`;
  }

  private level(complaint: string): Promise<void> {
    const devices = [this.near.device, this.far.device];
    return until(() => devices.every((device) => device.isLevel), complaint);
  }
}

async function until(isSo: () => boolean, complaint: string): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error(complaint);
    await pause(50);
  }
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
