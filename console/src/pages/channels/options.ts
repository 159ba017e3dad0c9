import type { Json } from "syncline";

const words = new Map<unknown, string>([
  [true, "yes"],
  [false, "no"],
  [null, "–"],
  ["", "–"],
]);

/** An option of a namespace as one reads it: yes and no, and JSON for what has parts. */
export function optionText(value: Json | undefined): string {
  return words.get(value ?? null) ?? (typeof value === "object" ? JSON.stringify(value) : String(value));
}
