import type { Query } from "../../router.js";

/** By what one looks for connections; each matches by its beginning. */
export const searchFields = ["user", "session", "device", "client"] as const;
export type SearchField = (typeof searchFields)[number];

export interface Search {
  readonly field: SearchField;
  readonly text: string;
  readonly node: string;
}

/** What the page's address says: `user=ada&node=…`. The first field that is there counts. */
export function searchOf(query: URLSearchParams): Search {
  const field = searchFields.find((name) => query.get(name)) ?? fieldIn(query.get("by"));
  return { field, text: (query.get(field) ?? "").trim(), node: query.get("node") ?? "" };
}

function fieldIn(text: string | null): SearchField {
  return searchFields.find((name) => name === text) ?? "user";
}

/** What the address becomes: the other fields go. Without a text, `by` keeps what was chosen. */
export function addressOf({ field, text, node }: Search): Query {
  const cleared = Object.fromEntries(searchFields.map((name) => [name, ""]));
  return { ...cleared, by: text || field === "user" ? "" : field, [field]: text, node };
}

export function isSearching({ text, node }: Search): boolean {
  return Boolean(text || node);
}
