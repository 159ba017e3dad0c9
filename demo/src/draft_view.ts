import type { Device } from "./device.js";
import { draftFields, isEmpty, maxFieldLength, type Draft, type DraftField } from "./draft.js";
import { part, say } from "./part.js";

/** What is typed within this time goes out as one patch; often enough for the other device to see it grow. */
const gatheringMs = 150;

const labels: Record<DraftField, string> = { recipient: "Recipient", amount: "Amount", note: "Note" };

/** The transfer form, as one device shows it. */
export class DraftView {
  private readonly inputs: ReadonlyMap<DraftField, HTMLInputElement>;
  private readonly place: HTMLElement;
  private readonly takeUp: HTMLButtonElement;
  /** Typed here and not handed over yet: what comes from elsewhere does not overwrite it. */
  private typed = new Map<DraftField, string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly root: ParentNode,
    private readonly device: Device,
  ) {
    this.inputs = new Map(draftFields.map((field) => [field, this.bindField(field)]));
    this.place = part(root, "draft-place", HTMLSpanElement);
    this.takeUp = part(root, "draft-continue", HTMLButtonElement);
    this.takeUp.addEventListener("click", () => this.continueHere());
    part(root, "draft-discard", HTMLButtonElement).addEventListener("click", () => this.discard());
    part(root, "draft-form", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
  }

  show(): void {
    const { draft } = this.device;
    for (const [field, input] of this.inputs) {
      if (!this.typed.has(field)) showText(input, draft.fields[field]);
      input.dataset["elsewhere"] = String(this.isElsewhere(draft) && draft.touched?.field === field);
    }
    this.takeUp.hidden = !this.isElsewhere(draft);
    part(this.root, "draft-discard", HTMLButtonElement).disabled = isEmpty(draft);
    say(this.place, this.describePlace(draft));
  }

  /** What a reader would see who types: letter by letter into a field. */
  async typeSlowly(field: DraftField, text: string, letterMs: number): Promise<void> {
    for (let length = 1; length <= text.length; length += 1) {
      this.input(field).value = text.slice(0, length);
      this.handleTyping(field);
      await new Promise((resolve) => setTimeout(resolve, letterMs));
    }
  }

  private bindField(field: DraftField): HTMLInputElement {
    const input = part(this.root, `draft-${field}`, HTMLInputElement);
    input.maxLength = maxFieldLength;
    input.setAttribute("aria-label", `${labels[field]} on ${this.device.model.name}`);
    input.addEventListener("input", () => this.handleTyping(field));
    return input;
  }

  private input(field: DraftField): HTMLInputElement {
    const found = this.inputs.get(field);
    if (!found) throw new Error(`the form has no ${field}`);
    return found;
  }

  private handleTyping(field: DraftField): void {
    this.typed.delete(field); // the field typed into last is the last one of the map
    this.typed.set(field, this.input(field).value);
    this.timer ??= setTimeout(() => this.handOver(), gatheringMs);
  }

  private handOver(): void {
    const typed = this.typed;
    this.timer = undefined;
    this.typed = new Map();
    this.device.type(typed);
  }

  private discard(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.typed = new Map();
    this.device.discardDraft();
  }

  private continueHere(): void {
    const field = this.device.draft.touched?.field ?? "recipient";
    const input = this.input(field);
    input.focus();
    input.setSelectionRange(input.value.length, input.value.length);
  }

  private isElsewhere({ touched }: Draft): boolean {
    return touched !== null && touched.device !== this.device.model.name;
  }

  private describePlace(draft: Draft): string {
    const { touched } = draft;
    if (!touched) return "Type here: your other devices follow, letter by letter.";
    const field = labels[touched.field].toLowerCase();
    if (this.isElsewhere(draft)) return `${touched.device} was last in the ${field}.`;
    if (!this.device.isLive) return "Kept here, until the wire is mended.";
    return `Saved. Any other device continues in the ${field}.`;
  }
}

/** Without moving the caret of somebody who is in that field. */
function showText(input: HTMLInputElement, text: string): void {
  if (input.value === text) return;
  const { selectionStart, selectionEnd } = input;
  input.value = text;
  if (document.activeElement === input) input.setSelectionRange(selectionStart, selectionEnd);
}
