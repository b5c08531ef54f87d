// node run.js [part of a test's name]...
"use strict";
try {
  require.resolve("playwright-core");
} catch {
  console.log("skipped: playwright-core is not here; tools/packages browser installs it and chromium");
  process.exit(77);
}
const {runAll} = require("./harness.js");

for (const file of [
  "opens",
  "decode",
  "steps",
  "search",
  "pointer",
  "backward",
  "views",
  "keyboard",
  "link",
  "hostile",
  "tool",
  "frames",
])
  require(`./${file}.test.js`);

runAll(process.argv.slice(2)).then(
  (good) => process.exit(good ? 0 : 1),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);
