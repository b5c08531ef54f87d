#!/usr/bin/env python3
"""Runs unspool-graph as a user would: every command, every view, bad input, broken pipes, Graphviz and xmllint.

graph_tool.py PROGRAM CASE"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
SVG = "{http://www.w3.org/2000/svg}"


def run(folder, *arguments, code=0, given=None):
    result = subprocess.run([PROGRAM, *arguments], cwd=folder, capture_output=True, timeout=120, input=given)
    assert result.returncode == code, (arguments, result.returncode, result.stderr)
    if code >= 2:
        assert result.stderr.startswith(b"unspool-graph: ") and b"\nhint: " in result.stderr, result.stderr
    else:
        assert result.stderr == b"", result.stderr
    return result.stdout.decode()


def demo(folder, *arguments, name="g.json"):
    run(folder, "demo", *arguments, "-o", name)
    return name


def draws_every_view(folder):
    """Every view, theme and format of a demo, and of whole-sequence layers; the pictures parse as XML."""
    for model in ("rnn", "lstm", "gru"):
        demo(folder, model, "--steps", "20", "--layers", "2", "--whole", "--batch", "32")
        for view in ("unrolled", "folded", "gradient", "parameter"):
            run(folder, "render", "g.json", "-o", "x.svg", "--view", view)
            text = "".join(xml.etree.ElementTree.parse(folder / "x.svg").getroot().itertext())
            # The memory that steps share is a part of the edges.
            assert "step_buffer" not in text and "steps_done" not in text, (model, view)
            assert view != "parameter" or "weight_hh_l1" in text
    demo(folder, "lstm", "--steps", "20", "--layers", "2", "--composed")
    for view in ("unrolled", "folded", "modules", "memory", "gradient", "parameter"):
        for theme in ("light", "dark", "print"):
            run(folder, "render", "g.json", "-o", "x.svg", "--view", view, "--theme", theme, "--color", "gradnorm",
                "--params", "lane", "--phase", "both", "--title", "a < b & c")
            assert xml.etree.ElementTree.parse(folder / "x.svg").getroot().tag == SVG + "svg"
            if shutil.which("xmllint"):
                subprocess.run(["xmllint", "--noout", "x.svg"], cwd=folder, check=True)
    for name in ("x.html", "x.dot", "x.json", "x.txt"):
        run(folder, "render", "g.json", "-o", name)
        assert (folder / name).stat().st_size > 1000
    assert "default-src 'none'" in (folder / "x.html").read_text()
    text = run(folder, "render", "g.json", "--format", "txt", "--scope", "^l0$", "--steps", "0:2")
    assert " t=1 l0" in text and " t=2 " not in text and " l1 " not in text


def reads_and_writes_pipes(folder):
    """- is standard input and output; a graph goes through unchanged; a reader that leaves is exit code 4."""
    demo(folder, "gru", "--steps", "5")
    graph = (folder / "g.json").read_bytes()
    again = run(folder, "render", "-", "--format", "json", given=graph)
    assert json.loads(again)["segments"] == json.loads(graph)["segments"]
    assert run(folder, "diff", "g.json", "-", given=again.encode()) == ""
    assert run(folder, "diff", "-", "g.json", given=again.encode()) == ""
    for command in (["stat"], ["grad"], ["memory"], ["verify"], ["query", "op=gru_cell"], ["export", "--to", "graphml"]):
        words = [command[0], "-", *command[1:]]
        assert run(folder, *words, given=graph) == run(folder, *(w.replace("-", "g.json", 1) if w == "-" else w for w in words))
    assert run(folder, "demo", "rnn", "--steps", "2", "-o", "-", "--format", "html").startswith("<!doctype html>")
    assert run(folder, "export", "-", "--to", "perfetto", "-o", "-", given=graph).startswith("{")
    command = subprocess.Popen([PROGRAM, "demo", "rnn", "--steps", "3000", "--format", "txt"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    command.stdout.read(10)
    command.stdout.close()
    stderr = command.stderr.read()
    assert command.wait() == 4, (command.returncode, stderr)


def answers_in_words(folder):
    """stat, grad, memory, query, verify and export say what holds of a demo."""
    demo(folder, "rnn", "--steps", "12", "--hidden", "6")
    stat = json.loads(run(folder, "stat", "g.json", "--json"))
    assert stat["steps"] == 12 and stat["parameters"] == 6 and stat["period"] > 3, stat
    assert stat["peak_bytes"] == stat["arena_bytes"] + stat["gradient_bytes_peak"], stat
    assert "steps          12" in run(folder, "stat", "g.json")
    assert "verdict: " in run(folder, "grad", "g.json")
    contributions = run(folder, "grad", "g.json", "--param", "l0.weight_hh").splitlines()
    assert len(contributions) == 2 + 12, contributions  # a name, a head and every step, the last one first
    norm = contributions[0].split()[-1]
    assert contributions[2].split()[2] == "11" and contributions[-1].split()[4] == norm, contributions
    assert all(-1 <= float(line.split()[5]) <= 1 for line in contributions[2:])
    assert "alive at the peak:" in run(folder, "memory", "g.json")
    assert "recorded again" in run(folder, "memory", "g.json", "--budget", str(stat["peak_bytes"] * 3 // 4))
    assert "impossible" in run(folder, "memory", "g.json", "--budget", "1kB", code=1)
    assert "within 2 kB: " in run(folder, "memory", "g.json", "--budget", "2kB", code=1)  # as it prints them: 2000 bytes
    found = run(folder, "query", "g.json", "op=rnn_cell & t=3 & param=l0.weight_hh").splitlines()
    assert len(found) == 1 and found[0].startswith("%"), found
    assert run(folder, "query", "g.json", "op=rnn_cell & t=3 & param=weight_hh", "--count") == "1\n"
    assert run(folder, "query", "g.json", "t=99", "--count", code=1) == "0\n"
    assert run(folder, "verify", "g.json").endswith(" nodes hold\n")
    assert json.loads(run(folder, "export", "g.json", "--to", "perfetto"))["traceEvents"]
    assert json.loads(run(folder, "export", "g.json", "--to", "model-explorer"))["graphs"][0]["nodes"]
    xml.etree.ElementTree.fromstring(run(folder, "export", "g.json", "--to", "graphml"))


def compares(folder):
    """diff: 0 for the same, 1 for another length, another seed differs in norms alone."""
    demo(folder, "lstm", "--steps", "6")
    demo(folder, "lstm", "--steps", "7", name="longer.json")
    demo(folder, "lstm", "--steps", "6", "--seed", "9", name="seed.json")
    assert run(folder, "diff", "g.json", "g.json") == ""
    more = run(folder, "diff", "g.json", "longer.json", "--no-norms", code=1).splitlines()
    assert more and all(line[0] in "+~-" for line in more), more
    assert run(folder, "diff", "g.json", "seed.json", "--no-norms") == ""
    assert "gradient norm" in run(folder, "diff", "g.json", "seed.json", code=1)
    assert run(folder, "diff", "g.json", "seed.json", "--quiet", code=1) == ""


def says_what_is_wrong(folder):
    """Wrong usage is 2, what cannot be read 3, what cannot be written 4; each with a hint on standard error."""
    demo(folder, "rnn", "--steps", "4")
    (folder / "bad.json").write_text('{"format": "unspool-graph", "version": 2}')
    (folder / "old.json").write_text('{"format": "unspool-graph", "version": 1}')
    (folder / "noise").write_bytes(bytes(range(256)) * 40)
    run(folder, code=2)
    for arguments in (["paint"], ["render"], ["render", "g.json", "-o", "x.png"], ["render", "g.json", "--view", "top"],
                      ["render", "g.json", "--steps", "a:b"], ["render", "g.json", "--scope", "("],
                      ["render", "g.json", "--max-nodes", "0"], ["query", "g.json", "op="], ["demo", "cnn"],
                      ["demo", "rnn", "--steps", "0"], ["export", "g.json", "--to", "excel"], ["diff", "-", "-"],
                      ["memory", "g.json", "--budget", "lots"], ["grad", "g.json", "--param", "nobody"]):
        run(folder, *arguments, code=2)
    for name in ("none.json", "bad.json", "old.json", "noise", "."):
        for command in ("stat", "verify", "render", "grad", "memory"):
            run(folder, command, name, code=3)
    run(folder, "stat", "-", code=3, given=b"")
    run(folder, "--max-nodes-read", "3", "stat", "g.json", code=3)
    run(folder, "render", "g.json", "-o", "no/such/folder/x.svg", code=4)
    assert "render" in run(folder, "--help") and run(folder, "--version").strip()
    damaged = (folder / "g.json").read_text().replace('"shapes": [\n[4,16]', '"shapes": [\n[4,17]')
    (folder / "damaged.json").write_text(damaged)
    run(folder, "verify", "damaged.json", code=1)


def captures_an_unchanged_program(folder):
    """UNSPOOL_GRAPH writes the graph of the N-th walk; a path that cannot be written stops nothing."""
    def start(value, code=0):
        return subprocess.run([PROGRAM, "demo", "rnn", "--steps", "3", "-o", "x.svg"], cwd=folder, capture_output=True,
                              env={"UNSPOOL_GRAPH": value}, timeout=60)
    assert start("asked.json").returncode == 0
    assert json.loads(run(folder, "stat", "asked.json", "--json"))["steps"] == 3
    assert start("never.json:step=2").returncode == 0 and not (folder / "never.json").exists()
    result = start("no/such/folder/g.json")
    assert result.returncode == 0 and b"UNSPOOL_GRAPH" in result.stderr, result.stderr
    result = start("g.json:step=x")
    assert result.returncode == 2 and b"step=N" in result.stderr, result.stderr


def graphviz_accepts(folder):
    """dot -Tjson, gc and acyclic take every file; nodes and edges are counted by a closed formula in T."""
    if not shutil.which("dot"):
        sys.exit(77)
    for model, steps in (("rnn", 1), ("rnn", 2), ("rnn", 7), ("rnn", 30), ("lstm", 5), ("gru", 5)):
        for params in ("badge", "node"):
            run(folder, "demo", model, "--steps", str(steps), "--params", params, "-o", "g.dot")
            # Positions are given: the layout engine only has to read them.
            read = subprocess.run(["neato", "-n2", "-Tjson", "g.dot"], cwd=folder, capture_output=True, check=True)
            json.loads(read.stdout)
            subprocess.run(["acyclic", "-n", "g.dot"], cwd=folder, check=True)
            counted = subprocess.run(["gc", "-n", "-e", "g.dot"], cwd=folder, capture_output=True, check=True)
            nodes, edges = (int(word) for word in counted.stdout.split()[:2])
            if model == "rnn":
                # A step: input, linear, cell, linear, target, mse; a running sum from the second on; one initial state.
                shared = 6 if params == "node" else 0
                assert nodes == 6 * steps + (steps - 1) + 1 + shared, (steps, nodes)
                # Within a step 5 edges and the state; the sum reads two; 6 more where parameters are nodes.
                assert edges == 6 * steps + 2 * (steps - 1) + shared * steps, (steps, edges)
    run(folder, "demo", "rnn", "--steps", "6", "-o", "g.dot")
    json.loads(subprocess.run(["dot", "-Tjson", "g.dot"], cwd=folder, capture_output=True, check=True).stdout)


def shells_and_manual_know_every_option(folder):
    """Every command and option that --help lists is in the three completions and in the manual, which man accepts."""
    home = pathlib.Path(__file__).resolve().parents[2] / "tools" / "graph"
    texts = [path.read_text() for path in (home / "completions").iterdir()]
    manual = (home / "unspool-graph.1").read_text().replace("\\-", "-")
    top = run(folder, "--help")
    commands = re.findall(r"^  ([a-z]+)  ", top[top.index("Subcommands"):], re.M)
    assert len(commands) == 9, commands
    for command in commands:
        options = set(re.findall(r"--([a-z][a-z-]+)", run(folder, command, "--help"))) - {"help"}
        for option in options:
            assert all(re.search(rf"-(-|l |o )?{option}\b", text) for text in texts), (command, option)
            assert f"--{option}" in manual or option == "output", (command, option)
        assert all(command in text for text in [*texts, manual]), command
    script = 'source "$1"; COMP_WORDS=(unspool-graph render g.json --view m); COMP_CWORD=4; _unspool_graph; ' \
             'echo "${COMPREPLY[@]}"'
    said = subprocess.run(["bash", "-c", script, "bash", str(home / "completions" / "unspool-graph.bash")],
                          capture_output=True, check=True)
    assert said.stdout.split() == [b"modules", b"memory"], said
    if shutil.which("man"):
        shown = subprocess.run(["man", "--warnings", "-l", str(home / "unspool-graph.1")], capture_output=True)
        assert shown.returncode == 0 and shown.stderr == b"", shown.stderr


def pictures_are_up_to_date(folder):
    """The pictures of the documentation are what draw.sh draws today, but for what rounding and source lines move."""
    docs = pathlib.Path(__file__).resolve().parents[2] / "docs" / "pictures"
    without_browser = {key: value for key, value in os.environ.items() if key != "NODE_PATH"}
    subprocess.run([docs / "draw.sh", PROGRAM, folder], check=True, env=without_browser)
    drawn = sorted(path.name for path in folder.glob("*.svg"))
    assert drawn == sorted(path.name for path in docs.glob("*.svg")), drawn
    number = re.compile(r"(?<![\w#])-?\d+(?:\.\d+)?(?:e[-+]\d+)?")
    for name in drawn:
        texts = [re.sub(r"<title>.*?</title>", "", (place / name).read_text(), flags=re.S) for place in (docs, folder)]
        ours, theirs = (re.sub(r"#[0-9a-f]{6}\b", "color", number.sub("number", text)) for text in texts)
        assert ours == theirs, f"{name} is out of date: run docs/pictures/draw.sh"
        for a, b in zip(*(map(float, number.findall(text)) for text in texts)):
            assert abs(a - b) <= max(1.5, 0.02 * abs(a)), f"{name} is out of date: {a} is {b}"


def draws_in_time(folder):
    """neato -n2 draws 200 steps in less than two seconds. Not in a suite: it measures time."""
    run(folder, "demo", "lstm", "--steps", "200", "-o", "g.dot")
    start = time.monotonic()
    subprocess.run(["neato", "-n2", "-Tsvg", "g.dot", "-o", "g.svg"], cwd=folder, check=True)
    taken = time.monotonic() - start
    print(f"neato -n2: {taken:.2f} s")
    assert taken < 2, taken


with tempfile.TemporaryDirectory() as folder:
    globals()[sys.argv[2]](pathlib.Path(folder))
