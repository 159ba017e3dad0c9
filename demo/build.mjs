// Builds the page into api/static/demo: index.html, assets with hashed names, and the licences of what was bundled.
import { readFile, readdir, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { aliases } from "./aliases.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "api", "static", "demo");
const entries = { script: "src/main.ts", style: "src/styles/demo.css", icon: "src/icon.svg" };

async function bundle() {
  const result = await build({
    absWorkingDir: here,
    entryPoints: Object.values(entries),
    outdir: join(target, "assets"),
    entryNames: "[name]-[hash]",
    alias: aliases,
    loader: { ".svg": "copy" },
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2022", "chrome105", "firefox121", "safari16"],
    legalComments: "none", // the notices travel in THIRD_PARTY_LICENSES.txt
    metafile: true,
    logLevel: "warning",
  });
  return result.metafile;
}

function assetNames(metafile) {
  const names = {};
  for (const [output, { entryPoint, inputs, bytes }] of Object.entries(metafile.outputs)) {
    const source = entryPoint ?? Object.keys(inputs)[0];
    const role = Object.keys(entries).find((key) => entries[key] === source);
    if (role) names[role] = { name: output.slice(output.lastIndexOf("/") + 1), bytes };
  }
  return names;
}

async function writeIndex(names) {
  const template = await readFile(join(here, "index.html"), "utf8");
  const page = template.replace(/\{\{(\w+)\}\}/g, (_, role) => `assets/${names[role].name}`);
  await writeFile(join(target, "index.html"), page);
}

async function licenceOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? await readFile(join(folder, file), "utf8") : "";
  return `${name} ${version} (${license})\n\n${text.trim()}\n`;
}

/** Notices that a package carries in its source only: code it has itself taken over from others. */
async function noticesIn(file) {
  const comments = (await readFile(join(here, file), "utf8")).match(/\/\*[\s\S]*?\*\//g) ?? [];
  return comments.filter((comment) => /copyright/i.test(comment)).map((comment) => `in ${file}\n\n${comment}\n`);
}

async function dependenciesOf(folder) {
  const { dependencies = {} } = JSON.parse(await readFile(join(here, folder, "package.json"), "utf8"));
  return Object.keys(dependencies).map((name) => `node_modules/${name}`);
}

/** A package may have its dependencies built in, so theirs are listed too. */
async function writeLicences(metafile) {
  const files = Object.keys(metafile.inputs).filter((input) => input.startsWith("node_modules/"));
  const bundled = files.map((file) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)[0]);
  const folders = new Set([...bundled, ...(await Promise.all(bundled.map(dependenciesOf))).flat()]);
  const licences = await Promise.all([...folders].sort().map((folder) => licenceOf(join(here, folder))));
  const notices = (await Promise.all(files.map(noticesIn))).flat();
  const text = [...licences, ...notices].join(`\n${"-".repeat(80)}\n\n`);
  await writeFile(join(target, "THIRD_PARTY_LICENSES.txt"), text);
}

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
const metafile = await bundle();
const names = assetNames(metafile);
await writeIndex(names);
await writeLicences(metafile);
for (const { name, bytes } of Object.values(names)) {
  console.log(`${relative(process.cwd(), join(target, "assets", name))}  ${(bytes / 1024).toFixed(1)} KiB`);
}
