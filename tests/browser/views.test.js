"use strict";
const demo = require("./demo.js");
const {check, equal, settle, test} = require("./harness.js");

test("the gradient view has a row for h, c and every gate of each layer", async ({open}) => {
  const page = await open(demo.lstm(20), {fragment: "#v=gradient"});
  const rows = await page.evaluate(() => window.unspool.view.rows.map(({scope, name}) => `${scope} ${name}`));
  const layer = (l) =>
    ["h", "c", "tanh(c)", "gate i", "gate f", "gate g", "gate o"].map((name) => `encoder/lstm.${l} ${name}`);
  equal(rows, [...layer(0), ...layer(1)], "rows");
});

test("the gradient view fits the decay of a norm that shrinks by a known factor", async ({open}) => {
  const steps = 40,
    page = await open(demo.rnn(steps, {norms: (n) => (n.flags & 2 ? 3 * 0.8 ** (steps - 1 - n.step) : -1)}), {
      fragment: "#v=gradient",
    });
  const decay = await page.evaluate(() => window.unspool.view.rows[0].decay);
  check(Math.abs(decay - 0.8) < 1e-9, `x${decay}`);
  check((await page.locator("#details").innerText()).includes("vanishing"), "and says what that means");
});

test("the first gradient that is not finite is found where the walk meets it", async ({open}) => {
  const file = demo.rnn(10, {norms: (n, i) => (n.flags & 2 ? (i <= 60 ? NaN : 1) : -1)});
  const page = await open(file, {fragment: "#v=gradient"});
  equal(await page.evaluate(() => window.unspool.view.firstNaN.what), "gradient", "what");
  const node = await page.evaluate(() => window.unspool.view.firstNaN.node);
  check(node <= 60 && node > 55, `node ${node}`);
  check((await page.locator("#details").innerText()).includes("not finite"), "told");
});

test("a state that comes in as a plain value is marked as a truncation", async ({open}) => {
  const r = new demo.Recorder(),
    weight = r.parameter("weight", [2, 2]);
  let h = r.node("input", [], [2, 2]);
  for (let t = 0; t < 12; t++) {
    r.step = t;
    if (t === 6) h = r.node("detach", [h], [2, 2]);
    if (t === 6) r.nodes.at(-1).flags = 0;
    h = r.node("tanh", [r.node("matmul", [h, weight], [2, 2])], [2, 2]);
  }
  const page = await open(demo.toFile(r, {norms: (n) => (n.flags & 2 ? 1 : -1)}), {fragment: "#v=gradient"});
  const cuts = await page.evaluate(() => window.unspool.view.cuts);
  check(cuts.includes(0), `the first step, ${cuts}`);
});

test("the parameter view opens on the recurrent weight and tells a step's share", async ({open}) => {
  const page = await open(demo.rnn(20), {fragment: "#v=parameter"});
  equal(await page.evaluate(() => window.unspool.view.parameter.name), "W_h", "the recurrent weight");
  const {series, norm} = await page.evaluate(() => {
    const {series, norm} = window.unspool.view.parameter;
    return {series: {norm: Array.from(series.norm), cosine: Array.from(series.cosine)}, norm};
  });
  const sum = series.norm.reduce((total, value, t) => total + value * series.cosine[t] * norm, 0),
    file = demo.rnn(20);
  const dots = file.parameters[1].series.dot.reduce((a, b) => a + b, 0);
  check(Math.abs(sum - dots) < 1e-9 * Math.abs(dots), "norm, cosine and dot agree");
});

test("the memory view's clock adds up to the peak that the definition gives", async ({open}) => {
  const file = demo.lstm(15),
    page = await open(file, {fragment: "#v=memory"});
  const got = await page.evaluate(() => window.unspool.view.peak.total);
  const at = (slot) => file.slots.indexOf(slot),
    rows = file.segments
      .flatMap(({count, rows, strides = []}) =>
        Array.from({length: count}, (_, k) =>
          rows.map((row, r) =>
            row.map((value, e) => value + k * (strides.find((s) => s[0] === r && s[1] === e)?.[2] ?? 0)),
          ),
        ),
      )
      .flat();
  let held = rows.reduce((sum, row) => sum + row[at("arena_bytes")], 0),
    most = held;
  for (let visit = file.loss; visit >= 0; visit--) {
    const own = rows[visit],
      sum = (wanted, bytes) => rows.reduce((total, row, i) => total + (wanted(row, i) ? row[at(bytes)] : 0), 0);
    most = Math.max(most, held + own[at("flush_bytes")]);
    held -= sum((row, i) => row[at("gradient_freed")] === visit && i !== visit, "gradient_bytes");
    held -= sum((row) => row[at("held_freed")] === visit, "held_bytes");
    held += own[at("held_bytes")] + sum((row) => row[at("gradient_born")] === visit, "gradient_bytes");
    most = Math.max(most, held + own[at("scratch_bytes")]);
    if (own[at("gradient_freed")] === visit) held -= own[at("gradient_bytes")];
  }
  equal(got, most, "peak");
});

test("memory can be stacked by kind and by module to the same height", async ({open}) => {
  const page = await open(demo.lstm(15), {fragment: "#v=memory"});
  const peak = () => page.evaluate(() => window.unspool.view.peak.parts.reduce((a, b) => a + b, 0));
  const byModule = await peak();
  await page.getByLabel("stacked by").selectOption("kind");
  equal(await peak(), byModule, "peak");
});

test("the modules' totals are the sums of what is inside", async ({open}) => {
  const page = await open(demo.lstm(10), {fragment: "#v=modules"});
  const sums = await page.evaluate(() => {
    const {root} = window.unspool.view,
      {graph} = window.unspool;
    const nodes = graph.parameter.filter((p) => p < 0).length,
      weights = graph.parameters.reduce((sum, p) => sum + graph.shapeList(p.node).reduce((a, b) => a * b, 1), 0);
    return [
      root.nodes === nodes,
      root.parameters === weights,
      root.flops,
      graph.flops.filter((_, i) => graph.parameter[i] < 0).reduce((a, b) => a + b, 0),
    ];
  });
  equal(sums.slice(0, 2), [true, true], "nodes and weights");
  equal(sums[2], sums[3], "flops");
  await page.locator("tr", {hasText: "encoder"}).click();
  await page.locator("tr", {hasText: "lstm.1"}).click();
  check((await page.locator("#tree").innerText()).includes("sigmoid"), "a module opens down to its ops");
  await page.locator("tr", {hasText: "encoder"}).first().click();
  check(!(await page.locator("#tree").innerText()).includes("sigmoid"), "and closes");
});

test("colours follow the chosen measure", async ({open}) => {
  const page = await open(demo.lstm(6), {fragment: "#d=ops"});
  for (const measure of ["op", "gradnorm", "bytes", "flops", "none"]) {
    await page.getByLabel("colour").selectOption(measure);
    await settle(page);
    const colors = await page.evaluate(() => {
      const {view} = window.unspool;
      return new Set(Array.from({length: view.scene.units.count}, (_, u) => view.look.fill(u))).size;
    });
    check(measure === "none" ? colors === 1 : colors > 2, `${measure}: ${colors} colours`);
  }
});

test("what the file asks to be shown first is shown", async ({open}) => {
  const file = demo.lstm(40);
  file.page = {title: "Mine", view: "gradient", theme: "dark", color: "flops", params: "lane", steps: "0:5,-1:"};
  const page = await open(file);
  const got = await page.evaluate(() => {
    const app = window.unspool;
    return [
      app.view.id,
      document.documentElement.dataset.theme,
      app.color,
      app.params,
      app.views.unrolled.scene.slots.filter((s) => s.step >= 0).length,
    ];
  });
  equal(got, ["gradient", "dark", "flops", "lane", 6], "hints");
});

test("without a theme of its own a page follows the system, with one it does not", async ({open}) => {
  for (const [theme, system, wanted] of [
    [undefined, "dark", "dark"],
    [undefined, "light", "light"],
    ["light", "dark", "light"],
    ["dark", "light", "dark"],
  ]) {
    const file = demo.rnn(4);
    file.page = {theme};
    const page = await open(file);
    await page.emulateMedia({colorScheme: system});
    await page.reload();
    await page.waitForFunction(() => window.unspool);
    equal(await page.evaluate(() => document.documentElement.dataset.theme), wanted, `${theme} on a ${system} system`);
  }
});

test("a file can ask for no more nodes than a number", async ({open}) => {
  const file = demo.lstm(40);
  file.page = {max_nodes: 100};
  const page = await open(file);
  const {columns, nodes} = await page.evaluate(() => {
    const {views, facts} = window.unspool,
      {hidden} = views.unrolled.folds;
    const shown = (cell) => cell < hidden.length && !hidden[cell] && views.unrolled.folds.isColumn(cell);
    return {
      columns: views.unrolled.scene.slots.filter((s) => s.step >= 0).length,
      nodes: facts.placement.cell.filter(shown).length,
    };
  });
  check(columns >= 2 && nodes <= 100, `${columns} steps of ${nodes} nodes`);
});

test("light and dark have different grounds and both are readable", async ({open}) => {
  const page = await open(demo.rnn(4));
  for (const theme of ["light", "dark"]) {
    await page.evaluate((theme) => window.unspool.setTheme(theme), theme);
    const contrast = await page.evaluate(() => {
      const {theme} = window.unspool,
        luminance = (hex) => {
          const [r, g, b] = [1, 3, 5]
            .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
            .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
      const ratio = (a, b) =>
        (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);
      const grounds = ["paper", "panel", "column", "box", "input", "state", "loss", "head", "constant"];
      return Math.min(
        ...grounds.flatMap((ground) => [ratio(theme.ink, theme[ground]), ratio(theme.soft, theme[ground]) * 1.2]),
      );
    });
    check(contrast > 4.5, `${theme}: contrast ${contrast}`);
  }
});

test("a file without a wish of its own follows the reader's system into the dark, until the button is pressed", async ({
  open,
}) => {
  const file = demo.rnn(3);
  file.page = {title: "", view: "unrolled", color: "op", params: "badge", phase: "forward"};
  const page = await open(file),
    theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  await page.emulateMedia({colorScheme: "dark"});
  await settle(page);
  equal(await theme(), "dark", "the system is dark");
  await page.getByRole("button", {name: "Switch between light and dark"}).click();
  equal(await theme(), "light", "the button");
  await page.emulateMedia({colorScheme: "light"});
  await page.emulateMedia({colorScheme: "dark"});
  await settle(page);
  equal(await theme(), "light", "stays");
  equal(await page.evaluate(() => window.unspool.color), "role", "colours are those of the plain picture");
});
