import { shorten } from "./format.js";

/** As many as there are colours in tokens.css, `--node-0` and on. */
export const toneCount = 8;

/** Names of nodes often differ in their last letters only, so it is their middle that gives way. */
export function nodeLabel(name: string): string {
  return shorten(name, 22);
}

const tones = new Map<string, number>();

/** A node keeps its colour for as long as the page lives, on every page of the console. */
export function nodeTone(uid: string): number {
  const known = tones.get(uid);
  if (known !== undefined) return known;
  const tone = tones.size % toneCount;
  tones.set(uid, tone);
  return tone;
}
