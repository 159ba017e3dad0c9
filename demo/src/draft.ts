export const draftFields = ["recipient", "amount", "note"] as const;

export type DraftField = (typeof draftFields)[number];

/** The transfer form that follows its user, as devices keep it in the document "draft". */
export interface Draft {
  readonly fields: Readonly<Record<DraftField, string>>;
  /** Who typed last, and where. */
  readonly touched: { readonly field: DraftField; readonly device: string } | null;
}

export const maxFieldLength = 120;

export const emptyDraft: Draft = { fields: { recipient: "", amount: "", note: "" }, touched: null };

/** What a document says of the form, whoever has written it. */
export function draftOf(document: unknown): Draft {
  const members = (typeof document === "object" && document !== null ? document : {}) as Record<string, unknown>;
  const [recipient, amount, note] = draftFields.map((field) => textOr(members[field]));
  return { fields: { recipient: recipient!, amount: amount!, note: note! }, touched: touchedOf(members["touched"]) };
}

/** A merge patch with these fields alone, so that what other devices type into the rest is left as it is. */
export function draftPatch(typed: ReadonlyMap<DraftField, string>, device: string): Record<string, unknown> {
  const field = [...typed.keys()].at(-1);
  return { ...Object.fromEntries(typed), ...(field ? { touched: { field, device } } : {}) };
}

export function isEmpty({ fields }: Draft): boolean {
  return draftFields.every((field) => fields[field] === "");
}

function touchedOf(value: unknown): Draft["touched"] {
  const { field, device } = (value ?? {}) as { field?: unknown; device?: unknown };
  const known = draftFields.find((each) => each === field);
  return known && typeof device === "string" ? { field: known, device } : null;
}

function textOr(value: unknown): string {
  return typeof value === "string" ? value : "";
}
