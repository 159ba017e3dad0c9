import { countOf, keyOf, linesOf, maxNameLength, type CartLine } from "./cart.js";
import type { Device } from "./device.js";
import { KeyedList } from "./keyed_list.js";
import { part, say, stamp } from "./part.js";
import { plural } from "./sentences.js";

/** One article of the cart, with its buttons. */
class CartRow {
  readonly root = stamp("cart-row-template");
  private readonly name = part(this.root, "item-name", HTMLSpanElement);
  private readonly quantity = part(this.root, "item-quantity", HTMLOutputElement);
  private readonly state = part(this.root, "item-state", HTMLSpanElement);

  constructor(device: Device, line: CartLine) {
    this.bind("more", `One more ${line.name}`, () => device.cart?.change(line.key, line.name, 1));
    this.bind("fewer", `One ${line.name} fewer`, () => device.cart?.change(line.key, line.name, -1));
    this.bind("remove", `Remove ${line.name}`, () => device.cart?.remove(line.key));
  }

  show({ key, name, quantity }: CartLine, isWaiting: boolean): void {
    this.root.dataset["item"] = key;
    this.root.dataset["waiting"] = String(isWaiting);
    say(this.name, name);
    say(this.quantity, String(quantity));
    say(this.state, isWaiting ? "not confirmed yet" : "");
  }

  private bind(name: string, label: string, act: () => void): void {
    const button = part(this.root, name, HTMLButtonElement);
    button.setAttribute("aria-label", label);
    button.addEventListener("click", act);
  }
}

/** The shared cart, as one device shows it. */
export class CartView {
  private readonly rows: KeyedList<CartLine, CartRow>;
  private readonly input: HTMLInputElement;

  constructor(
    private readonly root: ParentNode,
    private readonly device: Device,
  ) {
    const { name } = device.model;
    this.input = part(root, "add-name", HTMLInputElement);
    this.input.maxLength = maxNameLength;
    this.input.setAttribute("aria-label", `Add to the cart on ${name}`);
    const list = part(root, "cart", HTMLUListElement);
    list.setAttribute("aria-label", `Cart on ${name}`);
    this.rows = new KeyedList(list, {
      key: ({ key }) => key,
      make: (line) => new CartRow(device, line),
      show: (row, line) => row.show(line, device.cart?.isWaiting(line.key) ?? false),
      fallback: this.input,
    });
    this.bindForm();
  }

  show(): void {
    const lines = linesOf(this.device.cart?.value);
    const { waiting } = this.device.holding;
    this.rows.show(lines);
    part(this.root, "cart-empty", HTMLParagraphElement).hidden = lines.length > 0;
    say(part(this.root, "cart-count", HTMLSpanElement), plural(countOf(lines), "article"));
    const note = part(this.root, "cart-waiting", HTMLSpanElement);
    note.hidden = waiting === 0;
    say(note, waiting ? `${plural(waiting, "edit")} ${waiting === 1 ? "waits" : "wait"}` : "");
  }

  private bindForm(): void {
    part(this.root, "add-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const name = this.input.value;
      this.input.value = "";
      if (keyOf(name)) this.device.cart?.add(name);
    });
  }
}
