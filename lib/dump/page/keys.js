// The keyboard. Letters work wherever no text is being written; arrows and Enter belong to the canvas.

const KEY_HELP = [
  [
    "Moving about",
    [
      ["\u2190 \u2192", "the same place one step earlier or later"],
      ["\u2191 \u2193", "what reads the node, what it reads"],
      ["Shift + arrows", "move the picture"],
      ["+  \u2212", "zoom"],
      ["0", "show all"],
      ["Esc", "let go of everything"],
    ],
  ],
  [
    "Steps",
    [
      ["Enter", "unfold the fold, or fold the step, in focus"],
      ["u", "unfold all steps"],
      ["f", "fold all steps"],
      ["d", "cells or every op"],
      ["Shift + click", "a fold: unfold eight steps at that side"],
      ["Double click", "a fold: unfold it; a step\u2019s ground: fold it"],
    ],
  ],
  [
    "Backward walk",
    [
      ["Space", "play or pause"],
      ["[  ]", "one stage back or on"],
      ["Home  End", "on the slider: first and last"],
    ],
  ],
  [
    "Finding",
    [
      ["/", "to the search box"],
      ["n  N", "next and previous find"],
      ["p", "next shared parameter: light every use"],
    ],
  ],
  [
    "Views",
    [
      ["1 \u2026 6", "unrolled, folded, modules, memory, gradient, parameter"],
      ["c", "next colouring"],
      ["t", "light or dark"],
      ["?", "this help"],
    ],
  ],
];
const SEARCH_HELP = [
  ["op=matmul & t=3", "terms joined by & or |, ! for not, brackets"],
  ["t=0..7   grad<1e-6   bytes>=1k", "ranges and limits: t, id, line, bytes, saved, flops, grad"],
  ["param=weight_hh*   scope~l[01]", "* stands for anything, ~ takes a pattern"],
  ["/sigmoid|tanh/", "a pattern in op, scope or parameter"],
  ["tanh", "a word in op, scope, parameter or shape"],
];

function showHelp() {
  const dialog = $("manual");
  const table = (rows, key) => el("dl", {}, ...rows.flatMap(([a, b]) => [el("dt", {}, key(a)), el("dd", {}, b)]));
  dialog.replaceChildren(
    el("button", {class: "close", type: "button", "aria-label": "Close help", click: () => dialog.close()}, "\u00d7"),
    el("h2", {}, "What you see, and keys"),
    el(
      "p",
      {},
      "Time runs from left to right; every grey column is one step of the recurrence. Blue arrows carry states from " +
        "step to step. The coloured marks are shared parameters: the same weights in every step. The slider below " +
        "walks backward through time and shows gradients arriving.",
    ),
    el(
      "div",
      {class: "columns"},
      ...KEY_HELP.map(([title, rows]) =>
        el(
          "section",
          {},
          el("h3", {}, title),
          table(rows, (k) => el("kbd", {}, k)),
        ),
      ),
      el(
        "section",
        {},
        el("h3", {}, "Search"),
        el("dl", {}, ...SEARCH_HELP.flatMap(([a, b]) => [el("dt", {}, el("code", {}, a)), el("dd", {}, b)])),
      ),
    ),
  );
  dialog.showModal();
}

const isWriting = (target) => target.matches?.("input:not([type=range]), textarea, select");

function onKey(app, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("manual").open) return;
  if (isWriting(event.target)) {
    if (event.key === "Escape") $("canvas").focus();
    return;
  }
  const onButton = event.target.matches?.("button, tr, input");
  const view = app.view,
    canvas = event.target === app.canvas || event.target === document.body;
  const plain = {
    "/": () => $("search").focus(),
    "?": showHelp,
    t: () => app.toggleTheme(),
    c: () => app.nextColor(),
    d: () => app.toggleDetail(),
    n: () => app.nextFind(1),
    N: () => app.nextFind(-1),
    u: () => app.unfoldAll(),
    f: () => app.foldAll(),
    p: () => app.nextParameter(),
    "[": () => app.setStage(app.backward.stage - 1),
    "]": () => app.setStage(app.backward.stage + 1),
    0: () => view.fit(),
    "+": () => app.zoom(1.25),
    "=": () => app.zoom(1.25),
    "-": () => app.zoom(0.8),
    Escape: () => app.letGo(),
    " ": onButton ? null : () => app.player.toggle(),
  };
  const views = Object.keys(app.views);
  const act =
    plain[event.key] ??
    (/^[1-6]$/.test(event.key) ? () => app.setView(views[event.key - 1]) : canvas ? canvasKey(app, event) : null);
  if (!act) return;
  event.preventDefault();
  act();
}

function canvasKey(app, event) {
  const arrows = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key],
    {view} = app;
  if (arrows && (event.shiftKey || !(view instanceof GraphView)))
    return () => (
      view instanceof GraphView ? view.camera.pan(-80 * arrows[0], -80 * arrows[1]) : view.pan?.(-80 * arrows[0]),
      app.redraw()
    );
  if (arrows) return () => walkTo(app, view, arrows);
  if (event.key === "Enter" && view instanceof GraphView) return () => enter(app, view);
  return null;
}

/** From the selected unit to the one beside it in time, above or below; from a column's end to the fold beside it. */
function walkTo(app, view, [dx, dy]) {
  const {scene} = view,
    {units} = scene;
  if (view.focusFold && dx === 0) return;
  const at = app.selected >= 0 ? view.unitOf(app.selected) : -1;
  if (view.focusFold || at < 0) {
    const from = view.focusFold ? scene.slots.indexOf(view.focusFold) : -1;
    const slot = view.focusFold ? scene.slots[from + dx] : scene.slots.find((s) => s.shown && s.step !== LANE);
    view.focusFold = slot?.fold ? slot : null;
    if (slot?.shown?.length) app.select(units.node[slot.shown.at(-1)], true);
    return;
  }
  if (dy) {
    const near = Array.from(dy < 0 ? units.readersOf(at) : units.inputsOf(at));
    const own = near.filter((u) => units.cell[u] === units.cell[at]);
    const to = (own.length ? own : near)[0];
    if (to !== undefined) app.select(units.node[to], true);
    return;
  }
  const k = scene.slots.findIndex((slot) => slot.cell === units.cell[at]),
    next = scene.slots[k + dx];
  if (!next) return;
  if (next.fold) {
    view.focusFold = next;
    app.say(`${next.steps.count} folded steps, t = ${next.steps.first} to ${next.steps.last}. Enter unfolds them.`);
    app.centreOn(next.left + next.width / 2);
    return;
  }
  const twin = app.facts.twin(units.node[at], next.cell),
    like = twin >= 0 ? view.unitOf(twin) : -1;
  const nearest =
    like >= 0
      ? like
      : next.shown.reduce(
          (best, u) =>
            best < 0 || Math.abs(scene.y[u] - scene.y[at]) < Math.abs(scene.y[best] - scene.y[at]) ? u : best,
          -1,
        );
  if (nearest >= 0) app.select(units.node[nearest], true);
}

function enter(app, view) {
  if (view.focusFold) {
    const fold = view.focusFold;
    view.focusFold = null;
    app.unfold(fold);
    return;
  }
  const u = app.selected >= 0 ? view.unitOf(app.selected) : -1;
  if (u >= 0 && view.scene.units.members[u] && view.detail === "cells") app.setDetail("ops");
  else if (u >= 0) app.foldStep(view.scene.units.cell[u]);
}
