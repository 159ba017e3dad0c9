export interface Token {
  /** "" for what has no colour: brackets, commas, space. */
  readonly kind: "" | "key" | "string" | "number" | "word";
  readonly text: string;
}

const pattern = /("(?:[^"\\]|\\.)*"?)(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null)/g;
const shownCharacters = 20_000;

/** Pieces of JSON text by what they are. Joined they are the text again, also when it is cut or is no JSON. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let end = 0;
  const push = (kind: Token["kind"], piece: string): void => void (piece && tokens.push({ kind, text: piece }));
  for (const match of text.matchAll(pattern)) {
    const [all, quoted, colon = "", number] = match;
    push("", text.slice(end, match.index));
    if (quoted) push(colon ? "key" : "string", quoted);
    else push(number ? "number" : "word", all);
    push("", colon);
    end = match.index + all.length;
  }
  push("", text.slice(end));
  return tokens;
}

export function shortened(text: string): { shown: string; hidden: number } {
  return { shown: text.slice(0, shownCharacters), hidden: Math.max(0, text.length - shownCharacters) };
}
