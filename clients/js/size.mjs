// Holds the size budget: what a page pays for this package on top of npm `centrifuge`, minified and compressed.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const budgetBytes = 15 * 1024;

async function sizeOf(entry) {
  const { outputFiles } = await build({
    entryPoints: [new URL(entry, import.meta.url).pathname],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["centrifuge"],
    write: false,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

for (const entry of ["src/index.ts", "src/tracing.ts", "src/worker.ts"]) {
  const bytes = await sizeOf(entry);
  console.log(`${entry}: ${(bytes / 1024).toFixed(2)} KiB of ${budgetBytes / 1024}, minified and compressed`);
  if (bytes > budgetBytes) process.exitCode = 1;
}
