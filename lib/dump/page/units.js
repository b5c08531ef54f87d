// Units: the boxes of the picture. In full detail a unit is an op. As cells, the ops of a step that lead to what the
// step hands on are one unit a scope, the ops that lead from there to the outputs another: the boxes of the textbook's
// unrolled network. Only what the folded steps leave visible gets units.

class Units {
  constructor() {
    this.node = []; // the op that a unit shows, of several the last
    this.role = [];
    this.cell = [];
    this.members = []; // of a unit of several: its ops
  }
  get count() {
    return this.node.length;
  }
}

/** 1 for every op of a column that leads to what the column hands on, sums of losses apart. */
function findCore(graph, placement, role) {
  const core = new Uint8Array(graph.count);
  for (let i = graph.count; i-- > 0;) {
    if (placement.cell[i] >= BAR || role[i] === ROLE.loss) continue;
    if (role[i] === ROLE.state) core[i] = 1;
    if (!core[i]) continue;
    for (let e = graph.inputStart[i]; e < graph.inputStart[i + 1]; e++) {
      const input = graph.inputs[e];
      const from = placement.drawnAs[input];
      if (placement.cell[from] === placement.cell[i] && role[from] !== ROLE.loss) core[from] = 1;
    }
  }
  return core;
}

/** What of a step a node belongs to as cells are drawn: a key, or null for a unit of its own. */
function cellKey(graph, placement, role, core, i, byScope) {
  if (placement.cells[placement.cell[i]].step === LANE) {
    // initial states stand together as those do that follow them
    const state = placement.standsFor[i];
    return state === NOWHERE || role[state] === ROLE.loss
      ? null
      : role[i] * 0x1000000 + (byScope ? graph.scope[state] + 1 : 0);
  }
  if (role[i] === ROLE.input || role[i] === ROLE.constant) return null;
  const kind = role[i] === ROLE.loss ? ROLE.loss : core[i] ? ROLE.cell : ROLE.head;
  return kind * 0x1000000 + (byScope && kind !== ROLE.loss ? graph.scope[i] + 1 : 0);
}

function makeUnits(graph, placement, role, hidden, detail, byScope = true) {
  const units = new Units();
  const unitOf = new Uint32Array(graph.count).fill(NOWHERE);
  const core = detail === "cells" ? findCore(graph, placement, role) : null;
  const add = (i, kind) => {
    units.role.push(kind);
    units.cell.push(placement.cell[i]);
    units.members.push(null);
    return units.node.push(i) - 1;
  };
  const visit = (i, groups) => {
    const key = groups && cellKey(graph, placement, role, core, i, byScope);
    if (key == null) {
      unitOf[i] = add(i, role[i]);
      return;
    }
    const at = groups.get(key);
    if (at === undefined) {
      unitOf[i] = add(i, Math.floor(key / 0x1000000));
      groups.set(key, unitOf[i]);
      units.members[unitOf[i]] = [i];
    } else {
      unitOf[i] = at;
      units.node[at] = i;
      units.members[at].push(i);
    }
  };
  for (let c = 0; c < placement.cells.length; c++) {
    if (hidden[c]) continue;
    const groups = core ? new Map() : null;
    for (const i of placement.members.of(c)) visit(i, groups);
  }
  // A bar that deals with hidden steps only is hidden with them.
  const isHidden = (i) => {
    let c = placement.firstCell[i];
    if (c > placement.lastCell[i]) return false;
    while (c <= placement.lastCell[i] && (hidden[c] || placement.cells[c].step === LANE)) c++;
    return c > placement.lastCell[i];
  };
  for (let i = 0; i < graph.count; i++) if (placement.cell[i] === BAR && !isHidden(i)) visit(i, null);
  units.of = unitOf;
  units.scope = units.node.map((i) => {
    const state = placement.standsFor[i];
    return graph.scope[state === NOWHERE ? i : state];
  });
  connect(graph, placement, units);
  if (detail === "cells" && !findRows(placement, units))
    return makeUnits(graph, placement, role, hidden, byScope ? "cells" : "ops", false);
  if (detail !== "cells") findRows(placement, units);
  return units;
}

/** The units that each unit reads, each once. */
function connect(graph, placement, units) {
  const start = [0],
    list = [];
  const seen = new Uint32Array(units.count).fill(NOWHERE);
  const note = (i, u) => {
    for (let e = graph.inputStart[i]; e < graph.inputStart[i + 1]; e++) {
      const input = graph.inputs[e];
      const from = units.of[placement.drawnAs[input]];
      if (from === NOWHERE || from === u || seen[from] === u) continue;
      seen[from] = u;
      list.push(from);
    }
  };
  for (let u = 0; u < units.count; u++) {
    if (units.members[u]) for (const i of units.members[u]) note(i, u);
    else note(units.node[u], u);
    start.push(list.length);
  }
  units.inputStart = Uint32Array.from(start);
  units.inputs = Uint32Array.from(list);
  units.inputsOf = (u) => units.inputs.subarray(units.inputStart[u], units.inputStart[u + 1]);
  units.readers = invert(units.inputStart, units.inputs, units.count);
  units.readersOf = (u) => units.readers.node.subarray(units.readers.start[u], units.readers.start[u + 1]);
}

/** An edge that counts for rows: inside a cell, from or to a bar, or into a lane. Between steps edges run sideways. */
function runsUp(placement, units, from, to) {
  const a = units.cell[from],
    b = units.cell[to];
  return a >= BAR || b >= BAR || a === b || placement.cells[b].step === LANE;
}

/** Rows are the longest paths from below. False where units lead to one another in a circle. */
function findRows(placement, units) {
  const {count} = units;
  const waiting = new Uint32Array(count);
  for (let u = 0; u < count; u++)
    for (const from of units.inputsOf(u)) if (runsUp(placement, units, from, u)) waiting[u]++;
  const source = waiting.map((n) => (n === 0 ? 1 : 0));
  const order = [];
  for (let u = 0; u < count; u++) if (waiting[u] === 0) order.push(u);
  const level = new Uint32Array(count);
  for (let k = 0; k < order.length; k++) {
    const u = order[k];
    for (const to of units.readersOf(u)) {
      if (!runsUp(placement, units, u, to)) continue;
      level[to] = Math.max(level[to], level[u] + 1);
      if (--waiting[to] === 0) order.push(to);
    }
  }
  if (order.length < count) return false;
  // A unit that nothing leads up to stands right below its first reader and not at the bottom.
  for (let k = count; k-- > 0;) {
    const u = order[k];
    if (!source[u]) continue;
    let least = NOWHERE;
    for (const to of units.readersOf(u)) if (runsUp(placement, units, u, to)) least = Math.min(least, level[to]);
    if (least !== NOWHERE) level[u] = Math.max(level[u], least - 1);
  }
  for (let u = 0; u < count; u++) {
    const stands = placement.standsFor[units.node[u]];
    if (stands !== NOWHERE && units.of[stands] !== NOWHERE) level[u] = Math.max(level[u], level[units.of[stands]]);
  }
  partDirections(placement, units, level);
  spreadBars(placement, units, level);
  partLaneSources(placement, units);
  return true;
}

// A cell that hands on to the right and one that hands on to the left would stand in each other's way: where both are on
// one level, those that read later steps go a level up, and what is above with them.
function partDirections(placement, units, level) {
  const reads = (u, later) =>
    units.inputsOf(u).some((from) => {
      const cell = units.cell[from];
      return (
        cell < BAR && cell !== units.cell[u] && placement.cells[cell].step !== LANE && cell > units.cell[u] === later
      );
    });
  const before = new Set(),
    after = new Map();
  for (let u = 0; u < units.count; u++) {
    if (units.role[u] !== ROLE.cell) continue;
    if (reads(u, false)) before.add(level[u]);
    else if (reads(u, true)) after.set(level[u], (after.get(level[u]) ?? new Set()).add(u));
  }
  const shared = [...after.keys()].filter((l) => before.has(l)).sort((a, b) => b - a);
  for (const l of shared) {
    // At the ends of time a cell reads an initial state instead; it is known by its scope.
    const scopes = new Set([...after.get(l)].map((u) => units.scope[u]));
    for (let u = 0; u < units.count; u++)
      if (level[u] > l || (level[u] === l && scopes.has(units.scope[u]))) level[u]++;
  }
}

/**
 * From levels to rows: the bars of a level come first, one above another unless they deal with different steps, then the
 * row of its other units.
 */
function spreadBars(placement, units, level) {
  const levels = level.reduce((most, l) => Math.max(most, l + 1), 0);
  const bars = Array.from({length: levels}, () => []), // of each level its rows of bars: the columns that they take up
    others = new Uint8Array(levels),
    first = new Uint32Array(levels + 1),
    placed = new Uint32Array(units.count);
  for (let u = 0; u < units.count; u++)
    if (units.cell[u] === BAR)
      placed[u] = placeBar(bars[level[u]], placement.firstCell[units.node[u]], placement.lastCell[units.node[u]]);
    else others[level[u]] = 1;
  for (let l = 0; l < levels; l++) first[l + 1] = first[l] + bars[l].length + others[l];
  units.row = level.map((l, u) => first[l] + (units.cell[u] === BAR ? placed[u] : bars[l].length));
  units.rows = first[levels];
}
/** The lowest row that has room; bars of different steps come in one direction. */
function placeBar(rows, first, last) {
  if (first > last) return rows.push([0, NOWHERE]) - 1;
  const room = rows.findIndex(([low, high]) => last < low || high < first);
  if (room < 0) return rows.push([first, last]) - 1;
  rows[room] = [Math.min(rows[room][0], first), Math.max(rows[room][1], last)];
  return room;
}
