// What stands around the picture: tabs, controls, the legend, the moment of the backward walk.

const VIEW_TITLES = {
  unrolled: "Unrolled",
  folded: "Folded",
  modules: "Modules",
  memory: "Memory",
  gradient: "Gradient",
  parameter: "Parameter",
};

function buildTabs(app) {
  const ids = Object.keys(VIEW_TITLES);
  $("tabs").replaceChildren(
    ...ids.map((id) =>
      el(
        "button",
        {
          role: "tab",
          type: "button",
          id: "tab-" + id,
          "aria-controls": "stage",
          click: () => app.setView(id),
          keydown: (event) => {
            const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
            if (!by) return;
            const next = ids[(ids.indexOf(id) + by + ids.length) % ids.length];
            app.setView(next);
            $("tab-" + next).focus();
            event.preventDefault();
          },
        },
        VIEW_TITLES[id],
      ),
    ),
  );
}
function showTabs(app) {
  for (const tab of $("tabs").children) {
    const chosen = tab.id === "tab-" + app.view.id;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
  }
  $("stage").setAttribute("aria-labelledby", "tab-" + app.view.id);
}

const button = (label, title, act, pressed = null) =>
  el(
    "button",
    {type: "button", title, "aria-label": title, "aria-pressed": pressed === null ? null : String(pressed), click: act},
    label,
  );
const choice = (label, options, value, act) =>
  el(
    "label",
    {},
    label,
    el(
      "select",
      {"aria-label": label, change: (event) => act(event.target.value)},
      ...Object.entries(options).map(([key, text]) => el("option", {value: key, selected: key === value}, text)),
    ),
  );

function showControls(app) {
  const {view} = app,
    parts = [];
  if (view instanceof GraphView) {
    const {detail} = app.views.unrolled;
    parts.push(
      el(
        "div",
        {class: "group", role: "group", "aria-label": "Detail"},
        button("Cells", "Show cells (d)", () => app.setDetail("cells"), detail === "cells"),
        button("Ops", "Show every op (d)", () => app.setDetail("ops"), detail === "ops"),
      ),
    );
    if (app.facts.steps >= FOLD_FROM && !view.folded)
      parts.push(
        el(
          "div",
          {class: "group", role: "group", "aria-label": "Steps"},
          button("Fold", "Fold long runs of steps (f)", () => app.foldAll()),
          button("Unfold all", "Show every step (u)", () => app.unfoldAll()),
        ),
      );
  }
  if (view instanceof GraphView) {
    parts.push(choice("colour", COLOR_CHOICES, app.color, (value) => app.setColor(value)));
    if (view.id === "unrolled" && app.graph.parameters.length)
      parts.push(
        choice("parameters", {badge: "marks", lane: "lane", none: "hidden"}, app.params, (value) => {
          app.params = value;
          app.refresh();
          view.fit();
        }),
      );
  }
  if (view.id === "memory")
    parts.push(
      choice("stacked by", {scope: "module", kind: "kind"}, view.by, (value) => {
        view.stack(value);
        app.refresh();
      }),
    );
  if (view.id === "gradient")
    parts.push(
      choice("rows", {states: "states and gates", all: "every op"}, view.rowsShown, (value) => {
        view.rowsShown = value;
        view.prepare();
        view.fit();
        app.refresh();
      }),
    );
  if (view.id === "parameter" && app.graph.parameters.length)
    parts.push(
      choice(
        "parameter",
        Object.fromEntries(app.graph.parameters.map((p, k) => [k, visible(p.name)])),
        String(view.chosen),
        (value) => view.choose(Number(value)),
      ),
    );
  if (view.id !== "modules")
    parts.push(
      el(
        "div",
        {class: "group", role: "group", "aria-label": "Zoom"},
        button("\u2212", "Zoom out (-)", () => app.zoom(0.75)),
        button("Fit", "Show all (0)", () => view.fit()),
        button("+", "Zoom in (+)", () => app.zoom(1.33)),
      ),
    );
  const focused = document.activeElement?.closest?.("#controls") && document.activeElement.getAttribute("aria-label");
  $("controls").replaceChildren(...parts);
  if (focused)
    [...$("controls").querySelectorAll("[aria-label]")].find((e) => e.getAttribute("aria-label") === focused)?.focus();
}

function showLegend(app) {
  const {view, theme} = app,
    parts = [];
  const swatch = (text, fill, line, kind = "") => {
    const mark = el("i", {class: kind});
    mark.style.background = fill;
    mark.style.borderColor = line;
    return el("span", {}, mark, text);
  };
  if (view instanceof GraphView) {
    const scale = app.backward.active ? app.facts.norms : view.look?.scale;
    if (app.backward.active && !app.facts.norms.known)
      parts.push(swatch("has its gradient", theme.box, theme.gradient));
    else if (scale) parts.push(scaleLegend(app.backward.active ? "gradient norm" : COLOR_CHOICES[app.color], scale));
    else if (app.color === "op") {
      const {color, order} = view.look.kinds;
      for (const op of order.slice(0, 9))
        parts.push(swatch(visible(app.graph.ops[op]).slice(0, 24), color[op], theme.line));
      if (order.length > 9) parts.push(swatch("others", kindColor(9), theme.line));
    } else if (app.color === "role") {
      parts.push(
        swatch("input", theme.input, theme["input-line"], "pill"),
        swatch(view.scene?.detail === "cells" ? "cell" : "state", theme.state, theme["state-line"]),
      );
      const roles = view.scene ? new Set(view.scene.units.role) : new Set();
      if (roles.has(ROLE.head)) parts.push(swatch("output", theme.head, theme["head-line"]));
      if (roles.has(ROLE.loss)) parts.push(swatch("loss", theme.loss, theme["loss-line"]));
    }
    parts.push(swatch("from step to step", "none", theme.carry, "edge"));
  }
  if (view.id === "memory") for (const [name, color] of view.legend()) parts.push(swatch(name, color, color));
  if (view.id === "gradient" && view.scale?.known) {
    parts.push(
      scaleLegend("gradient norm, logarithmic", view.scale),
      swatch("exactly 0", "#787878", "#787878"),
      swatch("NaN or \u221e", "#ff008c", "#ff008c"),
    );
    if (view.cuts.length) parts.push(swatch("no gradient passes", "none", theme["loss-line"], "edge"));
  }
  $("legend").replaceChildren(...parts);
}

function scaleLegend(title, scale) {
  const canvas = el("canvas", {width: 160, height: 1}),
    ctx = canvas.getContext("2d");
  for (let x = 0; x < 160; x++) {
    ctx.fillStyle = SCALE_CSS[scaleIndex(x / 159)];
    ctx.fillRect(x, 0, 1, 1);
  }
  return el("span", {}, `${title}  ${numberText(10 ** scale.low, 2)}`, canvas, numberText(10 ** scale.high, 2));
}

function showMoment(app) {
  const {backward} = app;
  $("slider").value = backward.stage;
  $("play").textContent = app.player.timer ? "\u2759\u2759" : "\u25b6";
  $("play").setAttribute("aria-label", app.player.timer ? "Pause the backward walk" : "Play the backward walk");
  $("transport").hidden = backward.last === 0;
  const out = $("moment");
  if (!backward.active) {
    out.replaceChildren("Play the backward walk through time");
    $("slider").setAttribute("aria-valuetext", "not begun");
    return;
  }
  const where = backward.describe(),
    text = [el("b", {}, where), `  \u00b7  stage ${backward.stage} of ${backward.last}`];
  const p = app.litParameter ?? (app.view.id === "parameter" ? app.view.chosen : busiest(app));
  if (p !== null) {
    const sum = backward.sumOf(p);
    text.push(
      "  \u00b7  ",
      data(app.facts.short[p]),
      ` has ${sum.steps} of ${sum.of} shares`,
      sum.norm >= 0 ? `, \u2016\u03a3\u2016 = ${numberText(sum.norm)}` : "",
    );
  }
  out.replaceChildren(...text);
  $("slider").setAttribute("aria-valuetext", `gradients arrive at ${where}`);
}

/** The parameter whose growing sum is told: the one that most steps use. */
function busiest(app) {
  const {uses} = app.facts;
  let best = null;
  uses.forEach((nodes, p) => {
    if (
      nodes.length > 1 &&
      (best === null ||
        app.graph.shapeList(app.graph.parameters[p].node).length >
          app.graph.shapeList(app.graph.parameters[best].node).length)
    )
      best = p;
  });
  return best;
}
