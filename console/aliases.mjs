// One copy of each package, whatever is installed elsewhere: the page is built of what this folder's lock names.
export const aliases = {
  syncline: "../clients/js/src/index.ts",
  centrifuge: "./node_modules/centrifuge",
};
