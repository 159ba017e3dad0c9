import { describe, expect, it, vi } from "vitest";
import { Table, type Column } from "../src/components/table.js";
import { click, press, rendered } from "./rendered.js";

interface Row {
  name: string;
  size: number | null;
}

const rows: readonly Row[] = [
  { name: "b", size: 2 },
  { name: "a", size: null },
  { name: "c", size: 10 },
];

const columns: readonly Column<Row>[] = [
  { key: "name", title: "Name", isTitle: true, sortBy: ({ name }) => name, render: ({ name }) => name },
  { key: "size", title: "Size", isNumber: true, sortBy: ({ size }) => size, render: ({ size }) => size ?? "–" },
  { key: "link", title: "Link", render: ({ name }) => <a href={`#/${name}`}>go</a> },
];

const keyOf = ({ name }: Row): string => name;

function bodyRows(root: HTMLElement): HTMLElement[] {
  return [...root.querySelectorAll<HTMLElement>("tbody tr")];
}

function names(root: HTMLElement): string {
  return bodyRows(root)
    .map((row) => row.querySelector(".title-cell")!.textContent)
    .join("");
}

describe("a table", () => {
  it("is walked by arrow keys, with one row in the order of Tab", async () => {
    const root = await rendered(<Table label="Things" columns={columns} rows={rows} keyOf={keyOf} />);
    const [first, second] = bodyRows(root);
    first!.focus();
    await press(first!, "ArrowDown");
    expect(document.activeElement).toBe(second);
    await press(second!, "End");
    expect(bodyRows(root).map((row) => row.tabIndex)).toEqual([-1, -1, 0]);
    await press(bodyRows(root)[2]!, "ArrowDown");
    expect(document.activeElement).toBe(bodyRows(root)[2]);
  });

  it("opens a row by Enter and by a click on it, and not by one on what is in it", async () => {
    const open = vi.fn();
    const root = await rendered(
      <Table label="Things" columns={columns} rows={rows} keyOf={keyOf} onOpen={open} openKey="a" />,
    );
    await press(bodyRows(root)[0]!, "Enter");
    await click(bodyRows(root)[2]!.querySelector("td")!);
    await click(bodyRows(root)[1]!.querySelector("a")!);
    expect(open.mock.calls.map(([row]) => (row as Row).name)).toEqual(["b", "c"]);
    expect(bodyRows(root).map((row) => row.getAttribute("aria-selected"))).toEqual(["false", "true", "false"]);
  });

  it("sorts by its heads, and says so; rows without a value come last", async () => {
    const root = await rendered(<Table label="Things" columns={columns} rows={rows} keyOf={keyOf} />);
    const [byName, bySize] = root.querySelectorAll("button.sort");
    await click(byName!);
    expect(names(root)).toBe("abc");
    await click(bySize!);
    expect(names(root)).toBe("cba");
    await click(bySize!);
    expect(names(root)).toBe("bca");
    expect(root.querySelectorAll("th")[1]!.getAttribute("aria-sort")).toBe("ascending");
    expect(root.querySelectorAll("th")[0]!.hasAttribute("aria-sort")).toBe(false);
  });

  it("ticks rows by Space, and all of them at once", async () => {
    let ticked: ReadonlySet<string> = new Set(["b"]);
    const tick = (keys: ReadonlySet<string>): void => void (ticked = keys);
    const root = await rendered(
      <Table label="Things" columns={columns} rows={rows} keyOf={keyOf} ticked={ticked} onTick={tick} />,
    );
    await press(bodyRows(root)[1]!, " ");
    expect([...ticked].sort()).toEqual(["a", "b"]);
    root.querySelector<HTMLInputElement>("thead input")!.dispatchEvent(new Event("change", { bubbles: true }));
    expect([...ticked].sort()).toEqual(["a", "b", "c"]);
  });

  it("says something else when there are no rows", async () => {
    const root = await rendered(<Table label="Things" columns={columns} rows={[]} keyOf={keyOf} empty={<p>Nothing</p>} />);
    expect(root.textContent).toBe("Nothing");
  });
});
