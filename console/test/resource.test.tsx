import { useState } from "preact/hooks";
import { act } from "preact/test-utils";
import { describe, expect, it } from "vitest";
import { useResource, type Resource } from "../src/resource.js";
import { rendered } from "./rendered.js";

interface Question {
  key: string;
  answer: (text: string) => Promise<void>;
  refuse: () => Promise<void>;
}

/** Ends when the page has heard of it. */
function settled(settle: () => void): Promise<void> {
  return act(async () => {
    settle();
    await new Promise((resolve) => setTimeout(resolve));
  });
}

/** Asks a server that answers when the test says so. */
function asking(): { show: (key: string) => Promise<void>; questions: Question[]; seen: () => Resource<string> } {
  const questions: Question[] = [];
  let latest: Resource<string>;
  const load = (key: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const answer = (text: string): Promise<void> => settled(() => resolve(text));
      questions.push({ key, answer, refuse: () => settled(() => reject(new Error("no"))) });
    });
  let change: (key: string) => void = () => undefined;
  function Page() {
    const [key, setKey] = useState("a");
    change = setKey;
    latest = useResource(key, () => load(key));
    return null;
  }
  let isThere: Promise<unknown> | null = null;
  const show = async (key: string): Promise<void> => {
    await (isThere ??= rendered(<Page />));
    await act(() => change(key));
  };
  return { show, questions, seen: () => latest };
}


describe("what a page has loaded", () => {
  it("is never the answer to an older question", async () => {
    const { show, questions, seen } = asking();
    await show("a");
    await show("b");
    await questions[1]!.answer("of b");
    await questions[0]!.answer("of a");
    expect(questions.map(({ key }) => key)).toEqual(["a", "b"]);
    expect(seen()).toMatchObject({ data: "of b", failure: null, isLoading: false });
  });

  it("is not shown for another key", async () => {
    const { show, questions, seen } = asking();
    await show("a");
    await questions[0]!.answer("of a");
    await show("b");
    expect(seen()).toMatchObject({ data: null, isLoading: true });
  });

  it("stays when loading it anew fails, and the failure is told", async () => {
    const { show, questions, seen } = asking();
    await show("a");
    await questions[0]!.answer("first");
    await act(() => seen().reload());
    expect(seen()).toMatchObject({ data: "first", isLoading: true });
    await questions[1]!.refuse();
    expect(seen()).toMatchObject({ data: "first", isLoading: false, failure: new Error("no") });
    await act(() => seen().reload());
    await questions[2]!.answer("second");
    expect(seen()).toMatchObject({ data: "second", failure: null });
  });
});
