import { useState } from "preact/hooks";
import { IconButton } from "./button.js";

const confirmedMs = 1_500;

/** Copies a text. Where the browser does not let it, it says so by its name. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [state, setState] = useState<"ready" | "done" | "failed">("ready");
  const copy = async (): Promise<void> => {
    setState(await navigator.clipboard.writeText(text).then(() => "done" as const, () => "failed" as const));
    setTimeout(() => setState("ready"), confirmedMs);
  };
  const names = { ready: label, done: "Copied", failed: "The browser does not allow copying" };
  return <IconButton icon={state === "done" ? "check" : "copy"} label={names[state]} onClick={() => void copy()} />;
}
