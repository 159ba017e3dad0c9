import type { DemoConfig } from "./backend.js";
import { curlLine } from "./curl.js";
import { part } from "./part.js";

/** How long the button says that it copied. */
const confirmationMs = 2_000;

/** The line a reader pastes into a terminal, and the button that copies it. */
export function showBackendPanel(root: ParentNode, config: DemoConfig): void {
  const line = curlLine(location.origin, config);
  const shown = part(root, "curl", HTMLElement);
  shown.textContent = line;
  const button = part(root, "copy", HTMLButtonElement);
  const label = button.textContent;
  button.addEventListener("click", () => {
    void copy(line, shown).then((isCopied) => {
      button.textContent = isCopied ? "Copied" : "Selected: press Ctrl+C";
      setTimeout(() => (button.textContent = label), confirmationMs);
    });
  });
}

/** Falls back to selecting the text where the clipboard is refused, as it is on plain HTTP beyond localhost. */
async function copy(text: string, shown: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection()?.selectAllChildren(shown);
    return false;
  }
}
