import fc from "fast-check";
import type { Json } from "../src/json.js";

const name = fc.constantFrom("a", "b", "c", "__proto__", "x/y", "m~n", "");
const scalar = fc.oneof(fc.integer({ min: -2, max: 3 }), fc.boolean(), fc.constant(null), fc.string({ maxLength: 3 }));

/** Small values with few names, so that two of them have much in common. */
export const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(name, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;
