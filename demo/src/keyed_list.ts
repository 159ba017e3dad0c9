/** A list whose rows keep their elements while their content changes, so that focus stays where it is. */
export class KeyedList<Item, Row extends { readonly root: HTMLElement }> {
  private readonly rows = new Map<string, Row>();

  constructor(
    private readonly list: HTMLElement,
    private readonly parts: {
      key: (item: Item) => string;
      make: (item: Item) => Row;
      show: (row: Row, item: Item) => void;
      /** Gets the focus of a row that goes. */
      fallback: HTMLElement;
    },
  ) {}

  show(items: readonly Item[]): void {
    const { key, make, show } = this.parts;
    const present = new Set(items.map(key));
    for (const [name, row] of [...this.rows]) if (!present.has(name)) this.drop(name, row);
    items.forEach((item, i) => {
      const row = this.rows.get(key(item)) ?? make(item);
      this.rows.set(key(item), row);
      show(row, item);
      // Moving an element that is in its place already would take its focus away.
      if (this.list.children[i] !== row.root) this.list.insertBefore(row.root, this.list.children[i] ?? null);
    });
  }

  private drop(name: string, { root }: Row): void {
    this.rows.delete(name);
    const hadFocus = root.contains(document.activeElement);
    root.remove();
    if (hadFocus) this.parts.fallback.focus();
  }
}
