// A picture of a page, for the documentation and for looking at:
//   NODE_PATH=build-browser/node_modules node tests/browser/picture.js PAGE.html OUT.png [FRAGMENT] [WIDTHxHEIGHT]
"use strict";
const path = require("path");
const {chromium} = require("playwright-core");
const {launchOptions, settle} = require("./harness.js");

async function main([file, out, fragment = "", size = "1280x720"]) {
  if (!out) throw new Error("usage: picture.js PAGE.html OUT.png [FRAGMENT] [WIDTHxHEIGHT]");
  const [width, height] = size.split("x").map(Number);
  const browser = await chromium.launch(launchOptions());
  const page = await browser.newPage({viewport: {width, height}});
  await page.goto("file://" + path.resolve(file) + fragment);
  await page.waitForFunction(() => window.unspool);
  await settle(page);
  await page.screenshot({path: out});
  await browser.close();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
