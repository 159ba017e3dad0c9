/** The shared cart, as devices keep it in the document "cart". */
export interface Cart {
  readonly items: Readonly<Record<string, CartItem>>;
}

export interface CartItem {
  readonly name: string;
  readonly quantity: number;
}

export interface CartLine extends CartItem {
  readonly key: string;
}

type Edit = (cart: Cart | undefined) => Cart;

export const maxNameLength = 60;
export const maxQuantity = 999;

/** What a document says of a cart, whoever has written it. In the same order on every device. */
export function linesOf(document: unknown): CartLine[] {
  return Object.entries(itemsOf(document))
    .filter((entry): entry is [string, CartItem] => isItem(entry[1]))
    .map(([key, { name, quantity }]) => ({ key, name, quantity }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

export function countOf(lines: readonly CartLine[]): number {
  return lines.reduce((sum, { quantity }) => sum + quantity, 0);
}

/** What is different, for people: "Oat milk added", "Espresso beans 1 → 2". */
export function describeChanges(before: readonly CartLine[], after: readonly CartLine[]): string[] {
  const old = new Map(before.map((line) => [line.key, line]));
  const kept = new Set(after.map(({ key }) => key));
  const gone = before.filter(({ key }) => !kept.has(key)).map(({ name }) => `${name} removed`);
  return [...after.flatMap((line) => describeLine(line, old.get(line.key))), ...gone];
}

function describeLine({ name, quantity }: CartLine, before: CartLine | undefined): string[] {
  if (!before) return [quantity === 1 ? `${name} added` : `${quantity} × ${name} added`];
  return before.quantity === quantity ? [] : [`${name} ${before.quantity} → ${quantity}`];
}

/** The same article by whatever spelling, so that two devices which add it make one line of it. */
export function keyOf(name: string): string {
  return tidied(name).toLowerCase();
}

/** One more of it. Run again on what another device has made, it still adds one: counters count. */
export function adding(name: string): Edit {
  return changing(keyOf(name), tidied(name), 1);
}

/** More or fewer of a line. What another device has removed meanwhile comes back when there is to be more of it. */
export function changing(key: string, name: string, by: number): Edit {
  return (cart) => {
    const items = itemsOf(cart);
    const before = Object.hasOwn(items, key) ? items[key] : undefined;
    const quantity = Math.min((isItem(before) ? before.quantity : 0) + by, maxQuantity);
    return quantity > 0 ? { items: { ...items, [key]: { name, quantity } } as Cart["items"] } : removing(key)(cart);
  };
}

export function removing(key: string): Edit {
  return (cart) => {
    const kept = Object.entries(itemsOf(cart)).filter(([each]) => each !== key);
    return { items: Object.fromEntries(kept) as Cart["items"] };
  };
}

function tidied(name: string): string {
  return name.trim().replace(/\s+/g, " ").slice(0, maxNameLength);
}

function itemsOf(document: unknown): Record<string, unknown> {
  const items = isObject(document) ? document["items"] : undefined;
  return isObject(items) ? items : {};
}

function isItem(value: unknown): value is CartItem {
  if (!isObject(value)) return false;
  const { name, quantity } = value;
  return typeof name === "string" && typeof quantity === "number" && Number.isInteger(quantity) && quantity > 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
