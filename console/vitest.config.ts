import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { aliases } from "./aliases.mjs";

const absolute = ([name, path]: [string, string]) => [name, fileURLToPath(new URL(path, import.meta.url))];

export default defineConfig({
  resolve: { alias: Object.fromEntries(Object.entries(aliases).map(absolute)) },
  test: { include: ["test/**/*.test.{ts,tsx}"], environment: "happy-dom", restoreMocks: true, testTimeout: 20_000 },
});
