// Bundles test/*.test.ts for `node --test`, which runs JavaScript only.
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { aliases } from "./aliases.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const outdir = join(here, "build");
await rm(outdir, { recursive: true, force: true });
const tests = (await readdir(join(here, "test"))).filter((name) => name.endsWith(".test.ts"));
await build({
  absWorkingDir: here,
  alias: aliases,
  entryPoints: tests.map((name) => join(here, "test", name)),
  outdir,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  logLevel: "warning",
});
