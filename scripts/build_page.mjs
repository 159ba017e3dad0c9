// Builds a page of ours: index.html, assets with hashed names, and the licences of what was bundled.
import { readFile, readdir, mkdir, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";

/**
 * Puts the page of `folder` into `target`. `entries` has by role the source that {{role}} in index.html stands for;
 * `build` is esbuild's, as the folder's own lock names it, and `options` are further ones of it.
 */
export async function buildPage({ folder, target, entries, build, options = {} }) {
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  const metafile = await bundle(folder, target, entries, build, options);
  const names = assetNames(metafile, entries);
  await writeIndex(folder, target, names);
  await writeLicences(folder, target, metafile);
  for (const { name, bytes } of Object.values(names)) {
    console.log(`${relative(process.cwd(), join(target, "assets", name))}  ${(bytes / 1024).toFixed(1)} KiB`);
  }
}

async function bundle(folder, target, entries, build, options) {
  const result = await build({
    absWorkingDir: folder,
    entryPoints: Object.values(entries),
    outdir: join(target, "assets"),
    entryNames: "[name]-[hash]",
    loader: { ".svg": "copy" },
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2022", "chrome105", "firefox121", "safari16"],
    legalComments: "none", // the notices travel in THIRD_PARTY_LICENSES.txt
    metafile: true,
    logLevel: "warning",
    ...options,
  });
  return result.metafile;
}

function assetNames(metafile, entries) {
  const names = {};
  for (const [output, { entryPoint, inputs, bytes }] of Object.entries(metafile.outputs)) {
    const source = entryPoint ?? Object.keys(inputs)[0];
    const role = Object.keys(entries).find((key) => entries[key] === source);
    if (role) names[role] = { name: output.slice(output.lastIndexOf("/") + 1), bytes };
  }
  return names;
}

async function writeIndex(folder, target, names) {
  const template = await readFile(join(folder, "index.html"), "utf8");
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
async function noticesIn(folder, file) {
  const comments = (await readFile(join(folder, file), "utf8")).match(/\/\*[\s\S]*?\*\//g) ?? [];
  return comments.filter((comment) => /copyright/i.test(comment)).map((comment) => `in ${file}\n\n${comment}\n`);
}

async function dependenciesOf(folder, inside) {
  const { dependencies = {} } = JSON.parse(await readFile(join(folder, inside, "package.json"), "utf8"));
  return Object.keys(dependencies).map((name) => `node_modules/${name}`);
}

/** A package may have its dependencies built in, so theirs are listed too. */
async function writeLicences(folder, target, metafile) {
  const files = Object.keys(metafile.inputs).filter((input) => input.startsWith("node_modules/"));
  const bundled = files.map((file) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)[0]);
  const theirs = await Promise.all(bundled.map((inside) => dependenciesOf(folder, inside)));
  const packages = new Set([...bundled, ...theirs.flat()]);
  const licences = await Promise.all([...packages].sort().map((inside) => licenceOf(join(folder, inside))));
  const notices = (await Promise.all(files.map((file) => noticesIn(folder, file)))).flat();
  const text = [...licences, ...notices].join(`\n${"-".repeat(80)}\n\n`);
  await writeFile(join(target, "THIRD_PARTY_LICENSES.txt"), text);
}
