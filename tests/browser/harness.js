// Runs tests of the page in a real browser. A test gets `open`, which makes a page of a graph file and shows it from
// file:// ; whatever such a page says on its console, and whatever it asks the network for, fails the test.
"use strict";
const {execFileSync} = require("child_process");
const fs = require("fs");
const os = require("os");
const path = require("path");
const {chromium} = require("playwright-core");

const ROOT = path.resolve(__dirname, "../..");
const BUNDLE = path.join(ROOT, "lib/dump/page/bundle.py");
const SWITCHES = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const tests = [];
const test = (name, run) => tests.push({name, run});

class Failure extends Error {}
function check(holds, what) {
  if (!holds) throw new Failure(what);
}
function equal(got, wanted, what = "") {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
  check(a === b, `${what}: got ${a?.slice(0, 400)}, wanted ${b?.slice(0, 400)}`);
}

/** Writes the page of a graph file, or of a text in its place, and gives its path. */
function writePage(folder, name, file) {
  const graph = path.join(folder, name + ".json"),
    html = path.join(folder, name + ".html");
  fs.writeFileSync(graph, typeof file === "string" ? file : JSON.stringify(file));
  execFileSync("python3", [BUNDLE, "--graph", graph, "-o", html]);
  return html;
}

async function runAll(patterns) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "unspool-page-"));
  const context = await chromium.launchPersistentContext(path.join(folder, "profile"), {
    ...launchOptions(),
    viewport: {width: 1280, height: 800},
  });
  context.setDefaultTimeout(120000); // a busy machine is slow, not wrong
  let passed = 0,
    failed = 0;
  for (const {name, run} of tests) {
    if (patterns.length && !patterns.some((part) => name.includes(part))) continue;
    const pages = [],
      troubles = [];
    const open = async (file, {fragment = "", html = null, expect = null} = {}) => {
      const at = html ?? writePage(folder, "page" + pages.length, file),
        page = await context.newPage();
      pages.push(page);
      page.on(
        "console",
        (message) =>
          ["error", "warning"].includes(message.type()) &&
          !expect?.test(message.text()) &&
          troubles.push("console: " + message.text()),
      );
      page.on("pageerror", (error) => troubles.push("error: " + error.stack));
      page.on(
        "request",
        (request) =>
          request.url() !== page.url().split("#")[0] &&
          !request.url().startsWith("file://" + at) &&
          troubles.push("request: " + request.url()),
      );
      await page.goto("file://" + at + fragment);
      await page.waitForFunction(() => window.unspool, null, {timeout: 120000});
      await settle(page);
      return page;
    };
    try {
      await run({open, context, folder});
      equal(troubles, [], "the page must say nothing and ask for nothing");
      passed++;
      console.log(`ok      ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAILED  ${name}\n        ${error instanceof Failure ? error.message : error.stack}`);
      for (const trouble of troubles) console.log(`        ${trouble}`);
    }
    for (const page of pages) await page.close();
  }
  await context.close();
  fs.rmSync(folder, {recursive: true, force: true});
  console.log(`test cases: ${passed + failed} | ${passed} passed | ${failed} failed`);
  return failed === 0 && passed > 0;
}

/** Waits until what was asked to be drawn is drawn and the fragment is written. */
const settle = async (page) => {
  await page.waitForTimeout(260);
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
};

/** Where a node's box is on the screen, in pixels of the page. */
const placeOfNode = (page, node) =>
  page.evaluate((node) => {
    const {view, canvas} = window.unspool,
      u = view.unitOf(node),
      box = canvas.getBoundingClientRect();
    return {x: box.left + view.camera.toScreenX(view.scene.x[u]), y: box.top + view.camera.toScreenY(view.scene.y[u])};
  }, node);

/** Samples of the canvas; differing() counts those that another picture has otherwise. */
const picture = (page) =>
  page.evaluate(() => {
    const {canvas} = window.unspool,
      copy = Object.assign(document.createElement("canvas"), {width: canvas.width, height: canvas.height});
    const ctx = copy.getContext("2d", {willReadFrequently: true});
    ctx.drawImage(canvas, 0, 0);
    return Array.from(ctx.getImageData(0, 0, canvas.width, canvas.height).data.filter((_, k) => k % 29 === 0));
  });
const differing = (a, b) => a.reduce((sum, value, k) => sum + (Math.abs(value - b[k]) > 12 ? 1 : 0), 0);

/** Where chromium is, and how it is started. */
function launchOptions() {
  const executablePath = BROWSERS.find((at) => fs.existsSync(at));
  if (!executablePath) throw new Error("no chromium found: tools/packages browser installs it");
  return {executablePath, headless: true, args: SWITCHES};
}

module.exports = {ROOT, launchOptions, check, differing, equal, picture, placeOfNode, runAll, settle, test, writePage};
