// Runs one scenario on the console of a running hub: node drive.mjs <module>.<scenario> <what hub.py tells, as JSON>
const [module, name] = process.argv[2].split(".");
const { scenarios } = await import(`./scenarios/${module}.mjs`);
await scenarios[name](JSON.parse(process.argv[3]));
