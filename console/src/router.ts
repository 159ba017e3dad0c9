import { signal } from "@preact/signals";

/** Where the page is, as its address says: "#/channels/chat:1?limit=50" is ["channels", "chat:1"] and a query. */
export interface Route {
  readonly page: string;
  /** What follows the page, decoded. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

export const firstPage = "overview";

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = split(hash.replace(/^#\/?/, ""), "?");
  const [page = "", ...rest] = path.split("/").map(decoded);
  return { page: page || firstPage, path: rest, query: new URLSearchParams(query) };
}

/** The address of a page. Members of the query that are empty are left out. */
export function href(page: string, path: readonly string[] = [], query: Query = {}): string {
  const text = queryText(query);
  return `#/${[page, ...path].map(encodeURIComponent).join("/")}${text && `?${text}`}`;
}

export type Query = Record<string, string | number | boolean | undefined>;

/** As in an address, without the question mark; what is empty, false or undefined is left out. */
export function queryText(query: Query): string {
  const present = Object.entries(query).filter(([, value]) => value !== undefined && value !== "" && value !== false);
  return new URLSearchParams(present.map(([name, value]) => [name, String(value)])).toString();
}

export const route = signal<Route>(parseRoute(globalThis.location?.hash ?? ""));

globalThis.addEventListener?.("hashchange", () => (route.value = parseRoute(location.hash)));

export function go(address: string): void {
  location.hash = address;
}

/** Changes the query of the present page without a step in the browser's history: for filters that are typed. */
export function setQuery(change: Query): void {
  const { page, path, query } = route.peek();
  const next = href(page, path, { ...Object.fromEntries(query), ...change });
  history.replaceState(null, "", next);
  route.value = parseRoute(next);
}

function split(text: string, mark: string): [string, string] {
  const index = text.indexOf(mark);
  return index < 0 ? [text, ""] : [text.slice(0, index), text.slice(index + 1)];
}

/** A hand-written address may hold a stray percent sign. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
