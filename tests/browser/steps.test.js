"use strict";
const demo = require("./demo.js");
const {check, equal, settle, test} = require("./harness.js");

const slots = (page) =>
  page.evaluate(() =>
    window.unspool.view.scene.slots
      .filter((slot) => slot.fold || slot.step >= 0)
      .map((slot) => (slot.fold ? `${slot.steps.first}-${slot.steps.last}x${slot.steps.count}` : slot.step)),
  );

test("a long run of steps is folded and says how long it is", async ({open}) => {
  const page = await open(demo.lstm(200));
  equal(await slots(page), [0, 1, 2, "3-197x195", 198, 199], "columns");
});

test("a click on the fold unfolds it and keeps the place", async ({open}) => {
  const page = await open(demo.rnn(12));
  const at = await page.evaluate(() => {
    const {view, canvas} = window.unspool,
      slot = view.scene.slots.find((s) => s.fold),
      box = canvas.getBoundingClientRect();
    return {
      x: box.left + view.camera.toScreenX(slot.left + slot.width / 2),
      y: box.top + view.camera.toScreenY(view.scene.totalHeight / 2),
    };
  });
  await page.mouse.click(at.x, at.y);
  await settle(page);
  equal(await slots(page), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "columns");
});

test("a click with Shift unfolds a few steps at the side that was clicked", async ({open}) => {
  const page = await open(demo.rnn(60));
  const click = async (part) => {
    const at = await page.evaluate((part) => {
      const {view, canvas} = window.unspool,
        slot = view.scene.slots.find((s) => s.fold),
        box = canvas.getBoundingClientRect();
      return {
        x: box.left + view.camera.toScreenX(slot.left + slot.width * part),
        y: box.top + view.camera.toScreenY(10),
      };
    }, part);
    await page.keyboard.down("Shift");
    await page.mouse.click(at.x, at.y);
    await page.keyboard.up("Shift");
    await settle(page);
  };
  await click(0.2);
  equal(await slots(page), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, "11-57x47", 58, 59], "on the left");
  await page.keyboard.press("0");
  await settle(page);
  await page.evaluate(() => window.unspool.centreOn(window.unspool.view.scene.slots.find((slot) => slot.fold).left));
  await click(0.8);
  equal((await slots(page)).slice(11), ["11-49x39", 50, 51, 52, 53, 54, 55, 56, 57, 58, 59], "on the right");
});

test("folding takes back what unfolding shows", async ({open}) => {
  const page = await open(demo.lstm(60));
  const before = await slots(page);
  await page.getByRole("button", {name: "Show every step (u)"}).click();
  equal((await slots(page)).length, 60, "unfolded");
  await page.getByRole("button", {name: "Fold long runs of steps (f)"}).click();
  equal(await slots(page), before, "folded again");
});

test("any step can be folded into its neighbour and unfolded again", async ({open}) => {
  const page = await open(demo.rnn(6));
  await page.evaluate(() =>
    window.unspool.foldStep(window.unspool.facts.placement.cells.findIndex((cell) => cell.step === 2)),
  );
  equal(await slots(page), [0, 1, "2-3x2", 4, 5], "folded");
  await page.evaluate(() => window.unspool.unfold(window.unspool.view.scene.slots.find((slot) => slot.fold)));
  equal(await slots(page), [0, 1, 2, 3, 4, 5], "unfolded");
});

test("with every step unfolded each op has one box and each edge one curve", async ({open}) => {
  const steps = 30,
    page = await open(demo.rnn(steps));
  await page.evaluate(() => {
    window.unspool.setDetail("ops");
    window.unspool.unfoldAll();
  });
  const counts = await page.evaluate(() => {
    const {scene} = window.unspool.view;
    return {boxes: scene.units.count, edges: scene.units.inputs.length};
  });
  // A step: two inputs and seven ops with ten edges between boxes; before the first step two constants.
  equal(counts, {boxes: 2 + 9 * steps, edges: 10 * steps}, "boxes and edges");
});

test("columns of equal structure share one stamp and stand equally far apart", async ({open}) => {
  const page = await open(demo.lstm(40));
  await page.evaluate(() => {
    window.unspool.setDetail("ops");
    window.unspool.unfoldAll();
  });
  const {stamps, gaps} = await page.evaluate(() => {
    const columns = window.unspool.view.scene.slots.filter((slot) => slot.step >= 0);
    return {
      stamps: new Set(columns.map((slot) => slot.stamp.id)).size,
      gaps: [...new Set(columns.slice(1).map((slot, k) => slot.left - columns[k].left))],
    };
  });
  check(stamps <= 3, `${stamps} stamps`);
  equal(gaps.length, 1, "distances");
});

test("boxes of one column never overlap", async ({open}) => {
  const page = await open(demo.lstm(8, 3), {fragment: "#d=ops"});
  const overlaps = await page.evaluate(() => {
    const {scene} = window.unspool.view,
      found = [];
    for (const slot of scene.slots)
      for (const a of slot.shown ?? [])
        for (const b of slot.shown)
          if (
            a < b &&
            scene.units.row[a] === scene.units.row[b] &&
            Math.abs(scene.x[a] - scene.x[b]) < (scene.width[a] + scene.width[b]) / 2
          )
            found.push([a, b]);
    return found;
  });
  equal(overlaps, [], "pairs");
});

test("two states that a step starts from stand in rows of their own, as two sources", async ({open}) => {
  const r = new demo.Recorder();
  let [h, c] = [r.node("input", [], [1, 3]), r.node("input", [], [1, 3])];
  const first = r.nodes.length,
    steps = 4;
  for (r.step = 0; r.step < steps; r.step++) {
    const x = r.node("variable", [], [1, 3]);
    [h, c] = ["new_h", "new_c"].map((op) => r.node(op, [x, h, c], [1, 3]));
  }
  const file = demo.toFile(r, {first, period: 3, steps});
  const page = await open(file, {fragment: "#d=ops"});
  const places = await page.evaluate(() => {
    const {scene} = window.unspool.view;
    return [0, 1].map((node) => [scene.x[scene.units.of[node]], scene.y[scene.units.of[node]]]);
  });
  equal(places[0][0], places[1][0], "one above the other");
  equal(Math.abs(places[0][1] - places[1][1]), 64, "a row apart");
});

test("the textbook's letters stand in the boxes of a vanilla network", async ({open}) => {
  const page = await open(demo.rnn(4));
  const letters = await page.evaluate(() => {
    const {scene, look} = window.unspool.view;
    return scene.slots
      .filter((slot) => slot.step >= 0)
      .map((slot) =>
        Array.from(slot.shown)
          .sort((a, b) => scene.y[b] - scene.y[a] || scene.x[a] - scene.x[b])
          .map((u) => look.label(u))
          .join(" "),
      );
  });
  equal(letters, ["x₀ h₀ o₀ y₀ L₀", "x₁ h₁ o₁ y₁ L₁", "x₂ h₂ o₂ y₂ L₂", "x₃ h₃ o₃ y₃ L₃"], "from below");
});

test("the folded view shows one step, its delays and its repetitions", async ({open}) => {
  const page = await open(demo.lstm(50), {fragment: "#v=folded&d=ops"});
  const {loops, shown, repeats} = await page.evaluate(() => {
    const {scene} = window.unspool.view;
    return {
      loops: scene.loops.map(({delay}) => delay),
      shown: scene.units.count,
      repeats: scene.slots.map((slot) => slot.repeats).filter(Boolean),
    };
  });
  equal(loops, [1, 1, 1, 1, 1], "h and c of two layers, and the sum of losses");
  equal(repeats, [50], "times");
  equal(shown, 37, "boxes: two layers of 16 ops, two inputs, and three ops above");
});

test("without recorded steps the stretch that repeats becomes the steps", async ({open}) => {
  const steps = 30,
    file = demo.rnn(steps);
  for (const segment of file.segments) {
    for (const row of segment.rows) row[file.slots.indexOf("step")] = -1;
    segment.strides = segment.strides?.filter(([, entry]) => entry !== file.slots.indexOf("step"));
  }
  const page = await open(file);
  check((await page.locator("#facts").textContent()).includes("steps found by their period"), "said");
  // The first two and the last repetition are stored apart; one on either side is recognised.
  equal((await slots(page)).at(-1), steps - 2, "steps");
  equal(
    await page.evaluate(() => window.unspool.view.scene.slots.find((slot) => slot.fold).steps.kinds),
    1,
    "of one structure",
  );
});

test("two directions stand in rows of their own and loop round both sides when folded", async ({open}) => {
  const page = await open(demo.bidirectional(6));
  const rows = await page.evaluate(() => {
    const {scene} = window.unspool.view,
      {graph} = window.unspool,
      rows = {};
    for (let u = 0; u < scene.units.count; u++) {
      if (scene.units.role[u] === 5) (rows[graph.scopeName(scene.units.node[u])] ??= new Set()).add(scene.units.row[u]);
    }
    return Object.fromEntries(Object.entries(rows).map(([name, set]) => [name, [...set]]));
  });
  equal(rows, {forward: [1], backward: [2]}, "rows");
  await page.getByRole("tab", {name: "Folded"}).click();
  equal(await page.evaluate(() => window.unspool.view.scene.loops.map(({delay}) => delay).sort()), [-1, 1], "delays");
});

test("the last step looks like the others although nothing reads its state", async ({open}) => {
  const r = new demo.Recorder(),
    weight = r.parameter("weight", [8, 2]);
  let h = r.node("constant", [], [2]),
    c = r.node("constant", [], [2]);
  for (let t = 0; t < 6; t++) {
    r.step = t;
    r.scope = "lstm";
    const cell = r.node("lstm_cell", [r.node("input", [], [2]), h, c, weight], [2, 2]);
    h = r.node("select", [cell], [2], {view: true});
    c = r.node("select", [cell], [2], {view: true});
    r.scope = "head";
    r.node("linear", [h], [3]);
  }
  const page = await open(demo.toFile(r));
  const columns = await page.evaluate(() => {
    const {scene, look} = window.unspool.view;
    return scene.slots
      .filter((slot) => slot.step >= 0)
      .map((slot) => Array.from(slot.shown, (u) => look.label(u)).join(" "));
  });
  equal(
    columns,
    ["0", "1", "2", "3", "4", "5"].map((t) => "x_ h_ c_ o_".replaceAll("_", String.fromCharCode(0x2080 + Number(t)))),
    "columns",
  );
});

test("what enters a fold leaves it too, also where views lie between", async ({open}) => {
  const r = new demo.Recorder();
  let h = r.node("constant", [], [2]);
  for (let t = 0; t < 12; t++) {
    r.step = t;
    h = r.node("reshape", [r.node("tanh", [h], [2, 1])], [2], {view: true});
  }
  const page = await open(demo.toFile(r));
  equal(await page.evaluate(() => window.unspool.view.scene.foldRoutes.length), 2, "arrows at its borders");
});

test("targets stand to the right of outputs", async ({open}) => {
  const page = await open(demo.rnn(3));
  const right = await page.evaluate(() => {
    const {scene, look} = window.unspool.view;
    const at = (letter) => scene.x[[...scene.units.role.keys()].find((u) => look.label(u) === letter)];
    return at("y₁") > at("o₁");
  });
  equal(right, true, "y beside o");
});
