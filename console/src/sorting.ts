export type SortValue = string | number | null;

export interface Sorting {
  readonly key: string;
  readonly isDescending: boolean;
}

interface Sortable<Row> {
  key: string;
  sortBy?: (row: Row) => SortValue;
}

const collator = new Intl.Collator("en", { numeric: true });

/** Stable: rows that are alike keep their order. What has no value comes last in either direction. */
export function sorted<Row>(
  rows: readonly Row[],
  sorting: Sorting | null,
  columns: readonly Sortable<Row>[],
): readonly Row[] {
  const value = columns.find(({ key }) => key === sorting?.key)?.sortBy;
  if (!sorting || !value) return rows;
  const turn = sorting.isDescending ? -1 : 1;
  return [...rows].sort((a, b) => compare(value(a), value(b), turn));
}

function compare(a: SortValue, b: SortValue, turn: 1 | -1): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (typeof a === "number" && typeof b === "number") return turn * (a - b);
  return turn * collator.compare(String(a), String(b));
}
