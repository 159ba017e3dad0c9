import { equal, isObject, member, put, type Json, type JsonObject } from "./json.js";

/** RFC 7396, section 2. */
export function applyMergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else put(result, name, applyMergePatch(member(result, name), value));
  }
  return result;
}

/** The smallest merge patch that makes `to` of `from`. Undefined where there is none: it cannot set a member to null. */
export function diffMergePatch(from: Json | undefined, to: Json): Json | undefined {
  if (!isObject(to)) return to;
  if (!isObject(from)) return hasNullMember(to) ? undefined : to;
  const patch: JsonObject = {};
  for (const name of Object.keys(from)) if (!Object.hasOwn(to, name)) put(patch, name, null);
  for (const [name, value] of Object.entries(to)) {
    const before = member(from, name);
    if (equal(before, value)) continue;
    const change = value === null ? undefined : diffMergePatch(before, value);
    if (change === undefined) return undefined;
    put(patch, name, change);
  }
  return patch;
}

/** In an array null is a value like any other. */
function hasNullMember(value: Json): boolean {
  return isObject(value) && Object.values(value).some((inner) => inner === null || hasNullMember(inner));
}
