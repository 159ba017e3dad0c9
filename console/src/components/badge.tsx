import type { ComponentChildren } from "preact";

export type Tone = "neutral" | "good" | "wait" | "bad" | "accent";

/** A word about a state. It is never told by its colour alone. */
export function Badge({ tone = "neutral", title, children }: { tone?: Tone; title?: string; children: ComponentChildren }) {
  return (
    <span class="badge" data-tone={tone} title={title}>
      {children}
    </span>
  );
}
