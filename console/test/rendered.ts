import { render, type ComponentChildren } from "preact";
import { act } from "preact/test-utils";
import { onTestFinished } from "vitest";

/** In a document of its own place, gone after the test. */
export async function rendered(content: ComponentChildren): Promise<HTMLElement> {
  const root = document.body.appendChild(document.createElement("div"));
  onTestFinished(() => {
    render(null, root);
    root.remove();
  });
  await act(() => render(content, root));
  return root;
}

export async function press(element: Element, key: string): Promise<void> {
  await act(() => void element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })));
}

export async function click(element: Element): Promise<void> {
  await act(() => void element.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true })));
}
