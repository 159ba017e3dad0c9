import { equal, isObject, member, put, type Json, type JsonObject } from "./json.js";
import { applyJsonPatch, type PatchOperation } from "./json-patch.js";
import { applyMergePatch, diffMergePatch } from "./merge-patch.js";

export type EditKind = "replace" | "merge" | "patch" | "remove";

/** Computes the next value from what is shown; undefined stands for a document that is not there. */
export type Compute = (value: Json | undefined) => Json | undefined;

/** A mutation without its name. `patch` is the value of a `replace`, and absent in a `remove`. */
export interface EditContent {
  kind: EditKind;
  patch?: Json;
}

type Computed = EditContent & { compute?: Compute };

/** The value after the change; null when the change does not apply. */
export function attempt(value: Json | undefined, change: EditContent): { value: Json | undefined } | null {
  const { kind, patch = null } = change;
  switch (kind) {
    case "replace":
      return { value: patch };
    case "merge":
      return { value: applyMergePatch(value, patch) };
    case "remove":
      return { value: undefined };
    case "patch":
      return attemptPatch(value, patch);
  }
}

function attemptPatch(value: Json | undefined, patch: Json): { value: Json } | null {
  try {
    return { value: applyJsonPatch(value, patch as unknown as PatchOperation[]) };
  } catch {
    return null;
  }
}

/** The shortest edit that leads from a value to the computed one; null when they are equal. */
export function contentOf(value: Json | undefined, compute: Compute): EditContent | null {
  const next = compute(value);
  if (equal(value, next)) return null;
  if (next === undefined) return { kind: "remove" };
  const patch = value === undefined ? undefined : diffMergePatch(value, next);
  return patch === undefined ? { kind: "replace", patch: next } : { kind: "merge", patch };
}

/** One edit of `before` that does what both do, one after the other; null when there is none. */
export function joined(before: Json | undefined, first: Computed, second: Computed): Computed | null {
  if (first.compute && second.compute) return joinedComputations(before, first.compute, second.compute);
  return first.compute || second.compute ? null : joinedContents(first, second);
}

function joinedComputations(before: Json | undefined, first: Compute, second: Compute): Computed | null {
  const compute: Compute = (value) => second(first(value));
  const content = contentOf(before, compute);
  return content && { ...content, compute };
}

function joinedContents(first: EditContent, second: EditContent): EditContent | null {
  if (second.kind === "replace") return second.patch === undefined ? null : { kind: "replace", patch: second.patch };
  if (second.kind !== "merge" || second.patch === undefined || first.patch === undefined) return null;
  if (first.kind === "replace") return { kind: "replace", patch: applyMergePatch(first.patch, second.patch) };
  const patch = first.kind === "merge" ? joinedMergePatches(first.patch, second.patch) : undefined;
  return patch === undefined ? null : { kind: "merge", patch };
}

/** Undefined where the second continues what the first has put in place of whatever was there. */
function joinedMergePatches(first: Json, second: Json): Json | undefined {
  if (!isObject(second)) return second;
  if (!isObject(first)) return undefined;
  const both: JsonObject = { ...first };
  for (const [name, value] of Object.entries(second)) {
    const earlier = member(first, name);
    const joint = earlier === undefined ? value : joinedMergePatches(earlier, value);
    if (joint === undefined) return undefined;
    put(both, name, joint);
  }
  return both;
}
