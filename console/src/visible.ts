import { signal } from "@preact/signals";

/** Whether anybody can see the page. */
export const isPageVisible = signal(globalThis.document?.visibilityState !== "hidden");

globalThis.document?.addEventListener("visibilitychange", () => {
  isPageVisible.value = document.visibilityState !== "hidden";
});

export function useVisible(): boolean {
  return isPageVisible.value;
}
