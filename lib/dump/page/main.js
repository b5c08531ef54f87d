// Reads the file that the page holds and starts. What goes wrong is said on the page.

function start() {
  try {
    const graph = decode(JSON.parse($("graph").textContent));
    window.unspool = new App(graph);
  } catch (error) {
    document
      .querySelector("main")
      .replaceChildren(
        el(
          "div",
          {class: "failure", role: "alert"},
          el("h2", {}, "This graph cannot be shown"),
          el("p", {}, data(error.message)),
        ),
      );
    $("transport").hidden = true;
    window.unspool = {error};
  }
}
start();
