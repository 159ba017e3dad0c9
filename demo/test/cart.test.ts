import assert from "node:assert/strict";
import { test } from "node:test";
import { adding, changing, countOf, describeChanges, keyOf, linesOf, maxQuantity, removing, type Cart } from "../src/cart.js";

const beans: Cart = { items: { "oat milk": { name: "Oat milk", quantity: 1 }, beans: { name: "Beans", quantity: 2 } } };

test("the first article makes the cart", () => {
  assert.deepEqual(adding("  Oat   milk ")(undefined), { items: { "oat milk": { name: "Oat milk", quantity: 1 } } });
});

test("the same article by another spelling is one more of it, and the others stay", () => {
  assert.deepEqual(linesOf(adding("OAT MILK")(beans)).map(({ key, quantity }) => [key, quantity]), [
    ["beans", 2],
    ["oat milk", 2],
  ]);
});

test("edits of two devices add up, in whichever order they are applied", () => {
  const both = [changing("beans", "Beans", 1), changing("beans", "Beans", 3)];
  const forward = both.reduce<Cart>((cart, edit) => edit(cart), beans);
  const backward = both.reduceRight<Cart>((cart, edit) => edit(cart), beans);
  assert.deepEqual(forward, backward);
  assert.equal(forward.items["beans"]?.quantity, 6);
});

test("the last of an article leaves the cart, and no quantity passes the limit", () => {
  assert.deepEqual(Object.keys(changing("oat milk", "Oat milk", -1)(beans).items), ["beans"]);
  assert.equal(changing("beans", "Beans", 5_000)(beans).items["beans"]?.quantity, maxQuantity);
});

test("an article that another device has removed comes back for more of it, not for less", () => {
  const without = removing("beans")(beans);
  assert.equal(changing("beans", "Beans", 1)(without).items["beans"]?.quantity, 1);
  assert.deepEqual(changing("beans", "Beans", -1)(without), without);
});

test("an edit does not change the cart it is given", () => {
  const before = structuredClone(beans);
  adding("Tea")(beans);
  removing("beans")(beans);
  assert.deepEqual(beans, before);
});

test("names of what every object has are articles like any other", () => {
  for (const name of ["__proto__", "constructor", "toString"]) {
    const cart = adding(name)(adding(name)(undefined));
    assert.deepEqual(linesOf(JSON.parse(JSON.stringify(cart))), [{ key: keyOf(name), name, quantity: 2 }]);
  }
});

test("whatever is in the document, what is no article is passed over", () => {
  for (const document of [undefined, null, 7, "cart", [], { items: null }, { items: [1] }, { items: { a: null, b: {} } }])
    assert.deepEqual(linesOf(document), []);
  const odd = { items: { a: { name: 1, quantity: 1 }, b: { name: "b", quantity: 0.5 }, c: { name: "c", quantity: 3 } } };
  assert.deepEqual(linesOf(odd), [{ key: "c", name: "c", quantity: 3 }]);
  assert.equal(countOf(linesOf(odd)), 3);
});

test("differences are told line by line", () => {
  const after = [adding("Tea"), changing("beans", "Beans", 1), removing("oat milk"), changing("jam", "Jam", 3)].reduce<Cart>(
    (cart, edit) => edit(cart),
    beans,
  );
  assert.deepEqual(describeChanges(linesOf(beans), linesOf(after)), [
    "Beans 2 → 3",
    "3 × Jam added",
    "Tea added",
    "Oat milk removed",
  ]);
  assert.deepEqual(describeChanges(linesOf(after), linesOf(after)), []);
});
