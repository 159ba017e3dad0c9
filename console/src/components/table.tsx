import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { nextRow } from "../row_steps.js";
import { sorted, type Sorting, type SortValue } from "../sorting.js";

export interface Column<Row> {
  key: string;
  title: string;
  render: (row: Row) => ComponentChildren;
  /** What its rows are sorted by; without it the column cannot be sorted. */
  sortBy?: (row: Row) => SortValue;
  /** Numbers stand at the end, with digits of one width. */
  isNumber?: boolean;
  /** The column takes what room is left, and cuts what does not fit. */
  isWide?: boolean;
  /** On narrow screens it takes a line of its own. */
  isLong?: boolean;
  /** On narrow screens the name of the row, above everything else in it. */
  isTitle?: boolean;
}

interface Props<Row> {
  /** What the table is, for screen readers. */
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** Enter, and a click on the row. */
  onOpen?: (row: Row) => void;
  /** The row whose details are shown beside it. */
  openKey?: string;
  /** With it each row has a box; Space ticks it. */
  ticked?: ReadonlySet<string>;
  onTick?: (keys: ReadonlySet<string>) => void;
  initialSorting?: Sorting;
  /** What is shown instead when there are no rows. */
  empty?: ComponentChildren;
}

/**
 * Rows that arrow keys, Page Up and Down, Home and End walk; one of them at a time is in the order of Tab.
 * On narrow screens each row becomes a block of its own.
 */
export function Table<Row>(props: Props<Row>) {
  const { label, columns, rows, keyOf, onOpen, openKey, ticked, onTick, initialSorting, empty } = props;
  const [sorting, setSorting] = useState<Sorting | null>(initialSorting ?? null);
  const [current, setCurrent] = useState("");
  const body = useRef<HTMLTableSectionElement>(null);
  const shown = sorted(rows, sorting, columns);
  const keys = shown.map(keyOf);
  const tabKey = keys.includes(current) ? current : keys[0];
  if (rows.length === 0 && empty) return <>{empty}</>;

  const handleKey = (event: KeyboardEvent, row: Row, key: string): void => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const index = nextRow(event.key, keys.indexOf(key), keys.length);
    if (index !== null) body.current?.querySelectorAll<HTMLElement>(":scope > tr")[index]?.focus();
    else if (event.key === "Enter" && onOpen) onOpen(row);
    else if (event.key === " " && onTick) onTick(toggled(ticked, key));
    else return;
    event.preventDefault();
  };
  const handleClick = (event: MouseEvent, row: Row): void => {
    const isOwn = (event.target as Element).closest("a, button, input, label, select") !== null;
    if (onOpen && !isOwn && !getSelection()?.toString()) onOpen(row);
  };

  return (
    <div class="table-frame">
      <table class="table" role="grid" aria-label={label} aria-rowcount={rows.length + 1} data-opens={onOpen !== undefined}>
        <thead role="rowgroup">
          <tr role="row">
            {onTick && (
              <th role="columnheader" class="tick-cell">
                <TickAll keys={keys} ticked={ticked} onTick={onTick} />
              </th>
            )}
            {columns.map((column) => (
              <Head key={column.key} column={column} sorting={sorting} onSort={setSorting} />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup" ref={body}>
          {shown.map((row, index) => {
            const key = keys[index]!;
            return (
              <tr
                key={key}
                role="row"
                tabIndex={key === tabKey ? 0 : -1}
                aria-selected={onOpen ? key === openKey : ticked?.has(key)}
                onFocus={() => setCurrent(key)}
                onKeyDown={(event) => handleKey(event, row, key)}
                onClick={(event) => handleClick(event, row)}
              >
                {onTick && (
                  <td role="gridcell" class="tick-cell">
                    <input
                      type="checkbox"
                      tabIndex={-1}
                      aria-label={`Select ${key}`}
                      checked={ticked?.has(key) ?? false}
                      onChange={() => onTick(toggled(ticked, key))}
                    />
                  </td>
                )}
                {columns.map((column) => (
                  <td key={column.key} role="gridcell" data-label={column.title} {...shapeOf(column)}>
                    {column.render(row)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

interface HeadProps<Row> {
  column: Column<Row>;
  sorting: Sorting | null;
  onSort: (sorting: Sorting) => void;
}

function Head<Row>({ column, sorting, onSort }: HeadProps<Row>) {
  const { key, title, sortBy } = column;
  const mine = sorting?.key === key ? sorting : null;
  const direction = mine && (mine.isDescending ? "descending" : "ascending");
  const turn = (): void => onSort({ key, isDescending: mine ? !mine.isDescending : column.isNumber === true });
  return (
    <th role="columnheader" scope="col" aria-sort={direction ?? undefined} {...shapeOf(column)}>
      {sortBy ? (
        <button type="button" class="sort" data-direction={direction ?? "none"} onClick={turn}>
          {title}
        </button>
      ) : (
        title
      )}
    </th>
  );
}

interface TickAllProps {
  keys: readonly string[];
  ticked: ReadonlySet<string> | undefined;
  onTick: (keys: ReadonlySet<string>) => void;
}

function TickAll({ keys, ticked = new Set(), onTick }: TickAllProps) {
  const count = keys.filter((key) => ticked.has(key)).length;
  const areAll = count > 0 && count === keys.length;
  return (
    <input
      type="checkbox"
      aria-label="Select all"
      checked={areAll}
      indeterminate={count > 0 && !areAll}
      onChange={() => onTick(new Set(areAll ? [] : keys))}
    />
  );
}

function toggled(ticked: ReadonlySet<string> = new Set(), key: string): ReadonlySet<string> {
  const next = new Set(ticked);
  if (!next.delete(key)) next.add(key);
  return next;
}

function shapeOf({ isNumber, isWide, isLong, isTitle }: Column<never>): Record<string, string> {
  const classes = [isNumber && "num-cell", isWide && "wide-cell", isLong && "long-cell", isTitle && "title-cell"].filter(Boolean);
  return classes.length ? { class: classes.join(" ") } : {};
}
