import { render } from "preact";
import { act } from "preact/test-utils";
import { describe, expect, it } from "vitest";
import { useLasting } from "../src/lasting.js";
import type { Resource } from "../src/resource.js";

const loading: Resource<string> = { data: null, failure: null, isLoading: true, reload: () => undefined };

async function shownAfter(...steps: readonly Partial<Resource<string>>[]): Promise<string> {
  const place = document.createElement("div");
  const Probe = ({ resource }: { resource: Resource<string> }) => {
    const { data, isStale } = useLasting(resource);
    return <>{`${data}${isStale ? " (stale)" : ""}`}</>;
  };
  for (const step of steps) await act(() => render(<Probe resource={{ ...loading, ...step }} />, place));
  return place.textContent ?? "";
}

describe("what lasts", () => {
  it("is the answer before, until the next one is there", async () => {
    expect(await shownAfter({})).toBe("null");
    expect(await shownAfter({ data: "old" })).toBe("old");
    expect(await shownAfter({ data: "old" }, {})).toBe("old (stale)");
    expect(await shownAfter({ data: "old" }, {}, { data: "new" })).toBe("new");
  });

  it("is nothing once the next question has failed", async () => {
    expect(await shownAfter({ data: "old" }, {}, { failure: "no" })).toBe("null");
    expect(await shownAfter({ data: "old" }, { failure: "no" }, {})).toBe("null");
    expect(await shownAfter({ data: "old" }, { data: "old", failure: "no" })).toBe("old");
  });
});
