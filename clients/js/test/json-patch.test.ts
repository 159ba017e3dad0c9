import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json } from "../src/json.js";
import { applyJsonPatch, PatchFailed, type PatchOperation } from "../src/json-patch.js";
import { json } from "./arbitrary.js";

type Row = [title: string, document: Json, patch: PatchOperation[], result: Json];

/** RFC 6902, appendix A, and RFC 6901, section 5. */
const applied: Row[] = [
  ["A.1 add a member", { foo: "bar" }, [{ op: "add", path: "/baz", value: "qux" }], { baz: "qux", foo: "bar" }],
  [
    "A.2 add an element",
    { foo: ["bar", "baz"] },
    [{ op: "add", path: "/foo/1", value: "qux" }],
    { foo: ["bar", "qux", "baz"] },
  ],
  ["A.3 remove a member", { baz: "qux", foo: "bar" }, [{ op: "remove", path: "/baz" }], { foo: "bar" }],
  [
    "A.4 remove an element",
    { foo: ["bar", "qux", "baz"] },
    [{ op: "remove", path: "/foo/1" }],
    { foo: ["bar", "baz"] },
  ],
  [
    "A.5 replace a value",
    { baz: "qux", foo: "bar" },
    [{ op: "replace", path: "/baz", value: "boo" }],
    { baz: "boo", foo: "bar" },
  ],
  [
    "A.6 move a value",
    { foo: { bar: "baz", waldo: "fred" }, qux: { corge: "grault" } },
    [{ op: "move", from: "/foo/waldo", path: "/qux/thud" }],
    { foo: { bar: "baz" }, qux: { corge: "grault", thud: "fred" } },
  ],
  [
    "A.7 move an element",
    { foo: ["all", "grass", "cows", "eat"] },
    [{ op: "move", from: "/foo/1", path: "/foo/3" }],
    { foo: ["all", "cows", "eat", "grass"] },
  ],
  [
    "A.8 test",
    { baz: "qux", foo: ["a", 2, "c"] },
    [
      { op: "test", path: "/baz", value: "qux" },
      { op: "test", path: "/foo/1", value: 2 },
    ],
    { baz: "qux", foo: ["a", 2, "c"] },
  ],
  [
    "A.10 add a nested object",
    { foo: "bar" },
    [{ op: "add", path: "/child", value: { grandchild: {} } }],
    { foo: "bar", child: { grandchild: {} } },
  ],
  [
    "A.11 members that are unknown are ignored",
    { foo: "bar" },
    [{ op: "add", path: "/baz", value: "qux", xyz: 123 } as PatchOperation],
    { foo: "bar", baz: "qux" },
  ],
  ["A.14 escapes", { "/": 9, "~1": 10 }, [{ op: "test", path: "/~01", value: 10 }], { "/": 9, "~1": 10 }],
  [
    "A.16 add to the end",
    { foo: ["bar"] },
    [{ op: "add", path: "/foo/-", value: ["abc", "def"] }],
    { foo: ["bar", ["abc", "def"]] },
  ],
  ["the whole document", { foo: 1 }, [{ op: "replace", path: "", value: [1] }], [1]],
  ["copy", { a: [1], b: {} }, [{ op: "copy", from: "/a", path: "/b/c" }], { a: [1], b: { c: [1] } }],
  ["add over a member", { a: 1 }, [{ op: "add", path: "/a", value: 2 }], { a: 2 }],
  [
    "a null is a value",
    { a: null },
    [
      { op: "test", path: "/a", value: null },
      { op: "replace", path: "/a", value: 1 },
    ],
    { a: 1 },
  ],
  ["the empty name", { "": 1 }, [{ op: "replace", path: "/", value: 2 }], { "": 2 }],
  ["move to itself", { a: 1 }, [{ op: "move", from: "/a", path: "/a" }], { a: 1 }],
  [
    "objects are equal in any order",
    { a: { b: 1, c: 2 } },
    [{ op: "test", path: "/a", value: { c: 2, b: 1 } }],
    { a: { b: 1, c: 2 } },
  ],
];

const refused: [title: string, document: Json, patch: unknown[]][] = [
  ["A.9 test that fails", { baz: "qux" }, [{ op: "test", path: "/baz", value: "bar" }]],
  ["A.12 add to a parent that is not there", { foo: "bar" }, [{ op: "add", path: "/baz/bat", value: "qux" }]],
  ["A.15 a string is not a number", { "/": 9, "~1": 10 }, [{ op: "test", path: "/~01", value: "10" }]],
  ["a number is not a boolean", { a: 1 }, [{ op: "test", path: "/a", value: true }]],
  ["remove what is not there", { a: 1 }, [{ op: "remove", path: "/b" }]],
  ["remove what the prototype has", {}, [{ op: "remove", path: "/toString" }]],
  ["replace what is not there", { a: 1 }, [{ op: "replace", path: "/b", value: 1 }]],
  ["an index beyond the end", { a: [1] }, [{ op: "add", path: "/a/2", value: 1 }]],
  ["an index with a leading zero", { a: [1, 2] }, [{ op: "remove", path: "/a/01" }]],
  ["the end is no element", { a: [1] }, [{ op: "remove", path: "/a/-" }]],
  ["a path without slash", { a: 1 }, [{ op: "remove", path: "a" }]],
  ["an escape that is none", { a: 1 }, [{ op: "add", path: "/~2", value: 1 }]],
  ["a value into its own child", { a: { b: 1 } }, [{ op: "move", from: "/a", path: "/a/b/c" }]],
  ["through a scalar", { a: 1 }, [{ op: "add", path: "/a/b", value: 1 }]],
  ["an unknown operation", { a: 1 }, [{ op: "increment", path: "/a" }]],
  ["the whole document", { a: 1 }, [{ op: "remove", path: "" }]],
];

describe("RFC 6902", () => {
  test.each(applied)("%s", (_title, document, patch, result) => {
    const before = structuredClone(document);
    expect(applyJsonPatch(document, patch)).toEqual(result);
    expect(document).toEqual(before);
  });

  test.each(refused)("refuses: %s", (_title, document, patch) => {
    const before = structuredClone(document);
    expect(() => applyJsonPatch(document, patch as PatchOperation[])).toThrow(PatchFailed);
    expect(document).toEqual(before);
  });
});

test("whatever has been added can be read and removed again", () => {
  fc.assert(
    fc.property(json, json, fc.constantFrom("a", "x/y", "m~n", "__proto__", ""), (document, value, name) => {
      fc.pre(
        typeof document === "object" && document !== null && !Array.isArray(document) && !Object.hasOwn(document, name),
      );
      const path = `/${name.replace(/~/g, "~0").replace(/\//g, "~1")}`;
      const added = applyJsonPatch(document, [
        { op: "add", path, value },
        { op: "test", path, value },
      ]);
      expect(applyJsonPatch(added, [{ op: "remove", path }])).toEqual(document);
    }),
  );
});
