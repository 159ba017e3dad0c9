import { equal, isObject, put, type Json, type JsonObject } from "./json.js";

/** One operation of RFC 6902. */
export type PatchOperation =
  | { op: "add" | "replace" | "test"; path: string; value: Json }
  | { op: "remove"; path: string }
  | { op: "move" | "copy"; from: string; path: string };

/** The patch does not fit the document. Nothing of it has been applied. */
export class PatchFailed extends Error {
  override readonly name = "PatchFailed";
}

type Edit = (parent: JsonObject | Json[], token: string) => void;

/** The document is the member "" of this, so that the root is a place like any other. */
type Holder = JsonObject;

/** RFC 6902: all operations, in order, or none. Undefined stands for a document that is not there. */
export function applyJsonPatch(document: Json | undefined, patch: readonly PatchOperation[]): Json {
  const holder: Holder = document === undefined ? {} : { "": document };
  const result = patch.reduce(applyOperation, holder)[""];
  if (result === undefined) throw new PatchFailed("the patch leaves no document");
  return result;
}

function applyOperation(holder: Holder, operation: PatchOperation): Holder {
  switch (operation.op) {
    case "add":
      return add(holder, operation.path, operation.value);
    case "replace":
      return replace(holder, operation.path, operation.value);
    case "remove":
      return remove(holder, operation.path);
    case "copy":
      return add(holder, operation.path, find(holder, operation.from));
    case "move":
      return move(holder, operation.from, operation.path);
    case "test":
      if (equal(find(holder, operation.path), operation.value)) return holder;
      throw new PatchFailed(`test of ${operation.path} failed`);
    default:
      throw new PatchFailed(`no operation: ${JSON.stringify(operation)}`);
  }
}

function add(holder: Holder, path: string, value: Json): Holder {
  return edit(holder, path, (parent, token) => {
    if (Array.isArray(parent)) parent.splice(indexIn(parent, token, parent.length), 0, value);
    else put(parent, token, value);
  });
}

function replace(holder: Holder, path: string, value: Json): Holder {
  return edit(holder, path, (parent, token) => {
    step(parent, token);
    if (Array.isArray(parent)) parent[Number(token)] = value;
    else put(parent, token, value);
  });
}

function remove(holder: Holder, path: string): Holder {
  return edit(holder, path, (parent, token) => {
    step(parent, token);
    if (Array.isArray(parent)) parent.splice(Number(token), 1);
    else delete parent[token];
  });
}

function move(holder: Holder, from: string, path: string): Holder {
  if (path.startsWith(`${from}/`)) throw new PatchFailed(`${from} cannot move into itself`);
  const value = find(holder, from);
  return path === from ? holder : add(remove(holder, from), path, value);
}

function find(holder: Holder, path: string): Json {
  return tokensOf(path).reduce(step, holder as Json);
}

/** Copies what lies on the path, and nothing else, then edits the copy. */
function edit(holder: Holder, path: string, change: Edit): Holder {
  const tokens = tokensOf(path);
  const root = { ...holder };
  let parent: JsonObject | Json[] = root;
  for (const token of tokens.slice(0, -1)) {
    const child = copied(step(parent, token));
    if (Array.isArray(parent)) parent[Number(token)] = child;
    else put(parent, token, child);
    parent = child;
  }
  change(parent, tokens.at(-1) ?? "");
  return root;
}

function copied(value: Json): JsonObject | Json[] {
  if (Array.isArray(value)) return [...value];
  if (isObject(value)) return { ...value };
  throw new PatchFailed("the path leads through a value that has no members");
}

function step(value: Json, token: string): Json {
  if (Array.isArray(value)) return value[indexIn(value, token, value.length - 1)] as Json;
  if (isObject(value) && Object.hasOwn(value, token)) return value[token] as Json;
  throw new PatchFailed(`no member ${token}`);
}

function indexIn(list: Json[], token: string, highest: number): number {
  if (token === "-" && highest === list.length) return list.length;
  const index = /^(0|[1-9]\d*)$/.test(token) ? Number(token) : Infinity;
  if (index > highest) throw new PatchFailed(`no index ${token}`);
  return index;
}

/** RFC 6901. The first token is that of the document itself. */
function tokensOf(path: string): string[] {
  if ((path !== "" && !path.startsWith("/")) || /~(?![01])/.test(path))
    throw new PatchFailed(`no JSON pointer: ${path}`);
  return path.split("/").map((token) => token.replace(/~1/g, "/").replace(/~0/g, "~"));
}
