// Builds the page into api/static/demo.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { buildPage } from "../scripts/build_page.mjs";
import { aliases } from "./aliases.mjs";

const folder = dirname(fileURLToPath(import.meta.url));

await buildPage({
  folder,
  target: join(folder, "..", "api", "static", "demo"),
  entries: { script: "src/main.ts", style: "src/styles/demo.css", icon: "src/icon.svg" },
  build,
  options: { alias: aliases },
});
