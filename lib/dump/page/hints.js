// What the file asks to be shown first: its title, theme, steps, view, colours. The URL's fragment wins over it.

function takeHints(app) {
  const {page} = app.graph,
    {unrolled} = app.views;
  const title = typeof page.title === "string" && page.title ? page.title : "unspool graph";
  $("title").textContent = visible(title);
  document.title = visible(title);
  if (["light", "dark", "print"].includes(page.theme)) app.setTheme(page.theme === "dark" ? "dark" : "light");
  else app.setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light", false);
  const {folds} = unrolled;
  if (typeof page.steps === "string" && page.steps) folds.foldAll = () => foldsOfSteps(folds, page.steps);
  else if (page.max_nodes > 0) folds.foldAll = () => foldsOfNodes(folds, app.facts, page.max_nodes);
  folds.foldAll();
  app.plainFolds = folds.toText();
  const color = page.color === "op" ? "role" : page.color, // "op" asks for the picture as it is drawn plainly
    scope = typeof page.scope === "string" ? page.scope : "";
  app.hint = {
    view: Object.hasOwn(app.views, page.view ?? "") ? page.view : "unrolled",
    color: Object.hasOwn(COLOR_CHOICES, color ?? "") ? color : "role",
    params: page.params === "lane" || page.params === "node" ? "lane" : "badge",
    backward: page.phase === "backward",
    query: scope ? `scope~"${scope.replace(/[\\"]/g, "\\$&")}"` : "",
  };
  const {graph, facts} = app,
    parts = [`${grouped(graph.count)} nodes`];
  if (facts.steps) parts.push(`${grouped(facts.steps)} steps${facts.inferred ? " found by their period" : ""}`);
  if (graph.parameters.length)
    parts.push(`${graph.parameters.length} parameter${graph.parameters.length > 1 ? "s" : ""}`);
  $("facts").textContent = parts.join("  \u00b7  ");
}
