import type { Json } from "syncline";
import type { DeadLetterView } from "../../types.js";

/** A dead letter with all its copies: they share an id, and what is done to one is done to all. */
export interface LetterRow {
  readonly letter: DeadLetterView;
  readonly numCopies: number;
}

/** One row for an id, in the order of its first copy. */
export function grouped(letters: readonly DeadLetterView[]): LetterRow[] {
  const byId = new Map<string, LetterRow>();
  for (const letter of letters) {
    const known = byId.get(letter.id);
    byId.set(letter.id, { letter: known?.letter ?? letter, numCopies: (known?.numCopies ?? 0) + 1 });
  }
  return [...byId.values()];
}

/** What is selected and still there: letters go while one looks at them. */
export function presentIds(rows: readonly LetterRow[], selected: ReadonlySet<string>): string[] {
  return rows.map(({ letter }) => letter.id).filter((id) => selected.has(id));
}

/** The body as JSON where it is whole and is some; null where it is to be shown as the text that it is. */
export function jsonBody({ body, is_cut }: DeadLetterView): { readonly value: Json } | null {
  if (is_cut) return null;
  try {
    return { value: JSON.parse(body) as Json };
  } catch {
    return null;
  }
}

const reasons = new Map(Object.entries({
  malformed: "It could not be read: no JSON, no UTF-8, nested too deeply, or an attribute is missing.",
  oversize: "It is longer than max_message_size.",
  unknown_version: "It is a CloudEvent of a version other than 1.0.",
  no_route: "No route matches it.",
  bad_channel: "A value that its channel's template needs is missing or does not fit.",
  unknown_namespace: "It named a namespace that does not exist.",
  refused: "Its data are no JSON, or no object where the namespace takes objects only.",
  delivery_limit: "It was delivered too often without being acknowledged.",
  fault: "A fault of ours, several times in a row. The log of the node has it.",
}));

/** What a reason means; "" for words of a carrier's own. */
export function reasonText(reason: string): string {
  return reasons.get(reason) ?? "";
}
