import { computed, effect, signal } from "@preact/signals";

export type Choice = "system" | "light" | "dark";

const storageName = "syncline-console:theme";
const choices: readonly Choice[] = ["system", "light", "dark"];
const darkness = globalThis.matchMedia?.("(prefers-color-scheme: dark)");

const isSystemDark = signal(darkness?.matches ?? false);
darkness?.addEventListener?.("change", ({ matches }) => (isSystemDark.value = matches));

export const choice = signal<Choice>(kept());
export const theme = computed<"light" | "dark">(() => {
  if (choice.value !== "system") return choice.value;
  return isSystemDark.value ? "dark" : "light";
});

/** System, light, dark, and round again. */
export function chooseNext(): void {
  choice.value = choices[(choices.indexOf(choice.value) + 1) % choices.length]!;
}

export function applyTheme(): void {
  effect(() => {
    document.documentElement.dataset["theme"] = theme.value;
    keep(choice.value);
  });
}

/** A browser may keep nothing: then the choice lasts as long as the page. */
function kept(): Choice {
  try {
    const found = localStorage.getItem(storageName) as Choice | null;
    return found && choices.includes(found) ? found : "system";
  } catch {
    return "system";
  }
}

function keep(value: Choice): void {
  try {
    localStorage.setItem(storageName, value);
  } catch {
    return;
  }
}
