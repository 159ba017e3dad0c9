// Applies mutations as the package `syncline` does: {"value"?, "kind", "patch"} comes in as lines, and what it makes goes
// out: {"value"}, {} for a document that is gone, or {"fails": true}.
import { createInterface } from "node:readline";
import { attempt } from "../../../clients/js/dist/edit.js";

function applied({ value, kind, patch }) {
  const result = attempt(value, { kind, patch });
  return result ? { value: result.value } : { fails: true };
}

for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(applied(JSON.parse(line))));
