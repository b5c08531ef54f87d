// The page itself: which view is shown, what is selected, found and lit, and the one loop that draws.

class App {
  constructor(graph) {
    this.graph = graph;
    this.facts = new Facts(graph);
    this.backward = new Backward(this.facts);
    this.canvas = $("canvas");
    this.ctx = this.canvas.getContext("2d", {alpha: false});
    Object.assign(this, {
      color: "role",
      params: "badge",
      selected: -1,
      litParameter: null,
      query: "",
      found: null,
      themeChoice: null,
    });
    this.minimap = new Minimap(this);
    this.player = new Player(this);
    this.views = {
      unrolled: new GraphView(this, false),
      folded: new GraphView(this, true),
      modules: new ModulesView(this),
      memory: new MemoryChart(this),
      gradient: new HeatView(this),
      parameter: new ParameterView(this),
    };
    for (const [id, view] of Object.entries(this.views)) view.id = id;
    this.plainFolds = this.views.unrolled.folds.toText();
    this.redraw = framed(() => this.draw());
    this.listen();
    takeHints(this);
    this.theme = readTheme();
    this.resize();
    fragmentToView(this, location.hash);
  }

  listen() {
    listenToPointer(this);
    addEventListener("keydown", (event) => onKey(this, event));
    new ResizeObserver(() => this.resize()).observe($("stage"));
    addEventListener("hashchange", () => {
      if (location.hash !== this.written) {
        fragmentToView(this, location.hash);
        this.refresh();
      }
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
      if (!this.themeChoice) this.setTheme(event.matches ? "dark" : "light", false);
    });
    $("theme").addEventListener("click", () => this.toggleTheme());
    $("help").addEventListener("click", showHelp);
    $("search").addEventListener("input", (event) => this.setQuery(event.target.value));
    $("search").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.nextFind(event.shiftKey ? -1 : 1);
    });
    $("slider").addEventListener("input", (event) => this.setStage(Number(event.target.value)));
    $("slider").max = this.backward.last;
    $("play").addEventListener("click", () => this.player.toggle());
    $("back").addEventListener("click", () => this.setStage(this.backward.stage - 1));
    $("ahead").addEventListener("click", () => this.setStage(this.backward.stage + 1));
    buildTabs(this);
  }

  resize() {
    const {canvas} = this,
      ratio = devicePixelRatio || 1,
      width = canvas.clientWidth,
      height = canvas.clientHeight;
    this.ratio = ratio;
    canvas.width = Math.max(1, Math.round(width * ratio));
    canvas.height = Math.max(1, Math.round(height * ratio));
    for (const view of Object.values(this.views)) if (view.camera) Object.assign(view.camera, {width, height});
    if (this.view instanceof GraphView && !this.view.camera.moved) this.view.fit();
    this.redraw();
  }

  setView(id) {
    this.player.stop();
    this.view = this.views[id];
    this.view.show();
    const tree = id === "modules";
    $("tree").hidden = !tree;
    this.canvas.hidden = tree;
    this.canvas.setAttribute("aria-label", `${id} view of ${this.graph.count} nodes in ${this.facts.steps} steps`);
    this.refresh();
  }

  /** After any change of what is shown. */
  refresh() {
    for (const view of [this.views.unrolled, this.views.folded]) view.refreshLook();
    showTabs(this);
    showControls(this);
    showLegend(this);
    showDetails(this);
    showParameters(this);
    showMoment(this);
    this.redraw();
    this.remember();
  }

  draw() {
    const {view, ctx, canvas, ratio} = this;
    if (!view || view.id === "modules") {
      this.minimap.canvas.hidden = true;
      return;
    }
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.fillStyle = this.theme.paper;
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    if (!view.draw(ctx, ratio)) this.redraw();
    this.minimap.draw();
  }

  setTheme(name, chosen = true) {
    if (chosen) this.themeChoice = name;
    document.documentElement.dataset.theme = name;
    this.theme = readTheme();
    for (const view of Object.values(this.views)) view.image = null;
    if (this.view) this.refresh();
  }
  toggleTheme() {
    this.setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  }
  setColor(color) {
    this.color = color;
    this.refresh();
  }
  nextColor() {
    const all = Object.keys(COLOR_CHOICES);
    this.setColor(all[(all.indexOf(this.color) + 1) % all.length]);
  }

  select(node, reveal = false) {
    this.selected = node;
    if (node >= 0) this.litParameter = null;
    if (reveal && node >= 0) {
      if (!(this.view instanceof GraphView)) this.setView("unrolled");
      this.view.reveal(node);
    }
    if (node >= 0) {
      const step = this.graph.step[node],
        shape = this.graph.shapeList(node).join(" by ") || "scalar",
        where = step >= 0 ? `, step ${step}` : "";
      this.say(`${visible(this.graph.title(node))}, node ${node}, shape ${shape}${where}`);
    }
    showDetails(this);
    this.redraw();
    this.remember();
  }
  light(p) {
    if (this.litParameter === p) return;
    this.litParameter = p;
    this.parameterRows?.forEach(({row}, k) => row.classList.toggle("lit", k === p));
    this.redraw();
  }
  nextParameter() {
    const {length} = this.graph.parameters;
    if (!length) return;
    const p = this.litParameter === null ? 0 : this.litParameter + 1;
    this.light(p < length ? p : null);
    if (p < length) this.say(`${visible(this.graph.parameters[p].name)}, used ${this.facts.uses[p].length} times`);
  }
  chooseParameter(p) {
    if (this.view.id === "parameter") this.view.choose(p);
    this.select(this.graph.parameters[p].node);
    this.light(p);
  }

  setQuery(text) {
    const box = $("search"),
      out = $("found");
    this.query = text.trim();
    if (box.value.trim() !== this.query) box.value = text;
    this.found = null;
    box.removeAttribute("aria-invalid");
    box.title = "";
    out.textContent = "";
    if (this.query) {
      try {
        const test = parseQuery(this.query),
          nodes = [];
        for (let i = 0; i < this.graph.count; i++) if (test(this.facts, i)) nodes.push(i);
        this.found = {nodes, at: -1};
        out.textContent = grouped(nodes.length);
        this.say(`${nodes.length} found`);
      } catch (error) {
        if (!(error instanceof QueryError)) throw error;
        box.setAttribute("aria-invalid", "true");
        box.title = error.message;
        out.textContent = "?";
        this.say(error.message);
      }
    }
    if (this.view) {
      this.redraw();
      this.remember();
    }
  }
  nextFind(by) {
    const nodes = this.found?.nodes;
    if (!nodes?.length) return;
    this.found.at = (this.found.at + by + nodes.length) % nodes.length;
    $("found").textContent = `${this.found.at + 1}/${grouped(nodes.length)}`;
    this.select(nodes[this.found.at], true);
  }

  setDetail(detail) {
    const {unrolled} = this.views;
    if (!(this.view instanceof GraphView)) this.setView("unrolled");
    unrolled.detail = detail;
    unrolled.scene = null;
    unrolled.build();
    this.view.show();
    this.view.fit();
    if (this.selected >= 0) this.view.reveal(this.selected);
    this.refresh();
  }
  toggleDetail() {
    this.setDetail(this.views.unrolled.detail === "cells" ? "ops" : "cells");
  }
  /** Shows the steps of a fold; `side` 1 or -1: only some, at its left or right end. */
  unfold(slot, side = 0) {
    const [first, end] = slot.fold,
      few = Math.min(FEW_STEPS, end - first);
    const run = side > 0 ? [first, first + few] : side < 0 ? [end - few, end] : [first, end];
    this.views.unrolled.folds.unfold(run);
    this.views.unrolled.rebuild(side < 0 ? end : first - 1);
    this.say(`${run[1] - run[0]} steps unfolded`);
    this.refresh();
  }
  foldStep(cell) {
    if (cell >= BAR || !this.views.unrolled.folds.isColumn(cell)) return;
    this.views.unrolled.folds.fold(cell);
    this.views.unrolled.rebuild(cell);
    this.refresh();
  }
  unfoldAll() {
    const {folds} = this.views.unrolled,
      first = folds.hidden.indexOf(1);
    folds.unfoldAll();
    this.views.unrolled.rebuild(first < 0 ? null : first);
    this.refresh();
  }
  foldAll() {
    this.views.unrolled.folds.foldAll();
    this.views.unrolled.rebuild();
    this.refresh();
  }
  zoom(factor) {
    zoomView(this, factor, this.canvas.clientWidth / 2, this.canvas.clientHeight / 2);
    this.remember();
  }
  centreOn(x) {
    this.view.camera.moveTo(x);
    this.redraw();
  }
  letGo() {
    this.player.stop();
    this.backward.stage = 0;
    this.litParameter = null;
    this.setQuery("");
    this.selected = -1;
    this.refresh();
  }

  setStage(stage) {
    this.backward.stage = clamp(stage, 0, this.backward.last);
    for (const view of [this.views.unrolled, this.views.folded]) view.refreshLook();
    this.player.follow();
    showMoment(this);
    drawParameterCharts(this);
    showLegend(this);
    this.redraw();
    this.remember();
  }
  say(text) {
    $("live").textContent = text;
  }

  /** Writes the view into the fragment, not more often than a browser allows. */
  remember() {
    clearTimeout(this.pending);
    this.pending = setTimeout(() => {
      this.written = viewToFragment(this);
      if (this.written === location.hash) return;
      try {
        history.replaceState(null, "", this.written);
      } catch {
        location.replace(this.written);
      }
    }, 200);
  }
}
