import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressOf, isSearching, searchFields, searchOf } from "../../src/pages/connections/search.js";
import { queryText } from "../../src/router.js";

describe("the search for connections", () => {
  it("comes back from the address that it makes", () => {
    const search = fc.record({
      field: fc.constantFrom(...searchFields),
      text: fc.string().map((text) => text.trim()),
      node: fc.string(),
    });
    fc.assert(
      fc.property(search, (wanted) => {
        expect(searchOf(new URLSearchParams(queryText(addressOf(wanted))))).toEqual(wanted);
      }),
    );
  });

  it("is by one field at a time, the first that is there", () => {
    expect(searchOf(new URLSearchParams("client=c&session=s"))).toEqual({ field: "session", text: "s", node: "" });
    expect(searchOf(new URLSearchParams("by=nothing"))).toEqual({ field: "user", text: "", node: "" });
  });

  it("is one only with a text or a node", () => {
    expect(isSearching(searchOf(new URLSearchParams("by=device")))).toBe(false);
    expect(isSearching(searchOf(new URLSearchParams("node=n1")))).toBe(true);
  });
});
