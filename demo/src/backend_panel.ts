import type { DemoConfig } from "./backend.js";
import { curlLine } from "./curl.js";
import { part, say } from "./part.js";

/** How long the button says that it copied. */
const confirmationMs = 2_000;

/** The line a reader pastes into a terminal, and the button that copies it. */
export class BackendPanel {
  private readonly shown: HTMLElement;
  private readonly button: HTMLButtonElement;
  private readonly label: string;

  constructor(
    root: ParentNode,
    private readonly config: DemoConfig,
  ) {
    this.shown = part(root, "curl", HTMLElement);
    this.button = part(root, "copy", HTMLButtonElement);
    this.label = this.button.textContent ?? "";
    this.button.addEventListener("click", () => void this.copy());
  }

  /** The line stays as long as nobody else has logged in. */
  show(userId: string | null): void {
    if (userId === null) return;
    say(this.shown, curlLine(location.origin, this.config, userId));
    this.button.disabled = false;
  }

  private async copy(): Promise<void> {
    this.button.textContent = (await this.isCopied()) ? "Copied" : "Selected: press Ctrl+C";
    setTimeout(() => (this.button.textContent = this.label), confirmationMs);
  }

  /** Falls back to selecting the text where the clipboard is refused, as it is on plain HTTP beyond localhost. */
  private async isCopied(): Promise<boolean> {
    try {
      await navigator.clipboard.writeText(this.shown.textContent ?? "");
      return true;
    } catch {
      getSelection()?.selectAllChildren(this.shown);
      return false;
    }
  }
}
