import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { href, parseRoute, route, setQuery } from "../src/router.js";

const name = fc.string({ minLength: 1, unit: "grapheme" });

describe("addresses", () => {
  it("what is written is read again, whatever the names", () => {
    fc.assert(
      fc.property(fc.array(name, { maxLength: 3 }), fc.dictionary(name, name), (path, query) => {
        const read = parseRoute(href("channels", path, query));
        expect(read.page).toBe("channels");
        expect(read.path).toEqual(path);
        expect(Object.fromEntries(read.query)).toEqual({ ...query });
      }),
    );
  });

  it.each(["", "#", "#/"])("%j is the first page", (hash) => expect(parseRoute(hash).page).toBe("overview"));

  it("a stray percent sign is taken as it is", () => {
    expect(parseRoute("#/channels/50%").path).toEqual(["50%"]);
  });

  it("what is empty is left out", () => {
    expect(href("logs", [], { text: "", level: undefined, errors: false, limit: 0 })).toBe("#/logs?limit=0");
  });

  it("a filter changes the address, and leaves the others", () => {
    route.value = parseRoute("#/logs?level=error&text=a");
    setQuery({ text: "b c" });
    expect(location.hash).toBe("#/logs?level=error&text=b+c");
    setQuery({ text: "" });
    expect(route.value.query.toString()).toBe("level=error");
  });
});
