// The scene: every unit's place. A step is laid out once for every structure that steps have and stamped along time, so
// the whole is linear in what is shown. x grows to the right and y downwards; rows are counted from below.

const PORT_WIDTH = 8;

class Layouter {
  constructor(graph, placement, role, folds, detail) {
    Object.assign(this, {graph, placement, role, folds, detail});
    this.geometry = GEOMETRY[folds.silent ? (detail === "cells" ? "foldedCells" : "foldedOps") : detail];
    this.units = makeUnits(graph, placement, role, folds.hidden, detail);
    const {count} = this.units;
    this.x = new Float64Array(count);
    this.width = new Float64Array(count).fill(this.geometry.width);
    this.local = new Uint32Array(count);
    this.members = groupBy(Uint32Array.from(this.units.cell), placement.cells.length);
    this.stamps = new Map();
  }

  run() {
    const {placement, folds, units} = this;
    const slots = []; // left to right: {cell, stamp}, or {fold: [first, end]}
    for (let c = 0; c < placement.cells.length; c++) {
      if (folds.hidden[c]) {
        const [first, end] = folds.runAt(c);
        if (!folds.silent) slots.push({fold: [first, end], width: this.geometry.fold, block: placement.cells[c].block});
        c = end - 1;
      } else {
        const slot = this.fill(c);
        if (slot.stamp.width > 0 || placement.cells[c].step !== LANE) slots.push(slot);
      }
    }
    this.setInLine(slots);
    this.layBars(slots);
    const rowY = (row) => (units.rows - row - 0.5) * this.geometry.pitch;
    const scene = {
      units,
      slots,
      x: this.x,
      width: this.width,
      rowY,
      geometry: this.geometry,
      detail: this.detail,
      bars: [],
      totalWidth: this.totalWidth,
      totalHeight: units.rows * this.geometry.pitch,
    };
    scene.y = Float64Array.from({length: units.count}, (_, u) => rowY(units.row[u]));
    for (let u = 0; u < units.count; u++) if (units.cell[u] === BAR) scene.bars.push(u);
    scene.slotOf = new Map(slots.filter((slot) => !slot.fold).map((slot) => [slot.cell, slot]));
    scene.outermost = findOutermost(scene, slots);
    scene.bands = this.findBands();
    return scene;
  }

  // What a stamp depends on are the relations inside the column; which steps it talks to does not matter, only from
  // which side. Bars are touched at ports, narrow nodes of the column in the bar's row.
  fill(c) {
    const {units, placement} = this;
    const column = placement.cells[c].step !== LANE;
    const shown = this.members.of(c),
      nodes = [],
      edges = [],
      ports = new Map();
    shown.forEach((u, k) => {
      this.local[u] = k;
      nodes.push({row: units.row[u], side: this.side(u, c), width: this.geometry.width});
    });
    const at = (u) => {
      if (units.cell[u] !== BAR) return this.local[u];
      if (!ports.has(u)) ports.set(u, nodes.push({row: units.row[u], side: 0, width: PORT_WIDTH}) - 1);
      return ports.get(u);
    };
    const inside = (u) => units.cell[u] === c || (column && units.cell[u] === BAR);
    for (const u of shown) {
      for (const from of units.inputsOf(u)) if (inside(from)) edges.push([at(from), at(u)]);
      for (const to of units.readersOf(u)) if (column && units.cell[to] === BAR) edges.push([at(u), at(to)]);
    }
    const key = nodes.map((n) => n.row * 4 + n.side).join() + "/" + edges.join(";") + "/" + shown.length;
    let stamp = this.stamps.get(key);
    if (!stamp) {
      stamp = layOutStep(nodes, edges, this.geometry.gap);
      stamp.edges = edges;
      stamp.routes = riseRoutes(stamp, nodes, shown.length, this.geometry, units.rows);
      stamp.id = this.stamps.size;
      this.stamps.set(key, stamp);
    }
    shown.forEach((u, k) => {
      this.x[u] = stamp.x[k];
    });
    return {
      cell: c,
      step: placement.cells[c].step,
      block: placement.cells[c].block,
      stamp,
      shown,
      width: stamp.width,
      ports: [...ports.keys()],
    };
  }

  // Left: reads an earlier column; right: a later one, or is what the loss compares with. Of one step alone it is the
  // other way round: what leads back to it comes round its right side.
  side(u, c) {
    const {placement, graph, units} = this,
      {silent} = this.folds;
    for (const i of units.members[u] ?? [units.node[u]])
      for (const input of graph.inputsOf(i)) {
        const cell = placement.cell[placement.drawnAs[input]];
        if (cell >= BAR || cell === c || (silent && placement.cells[cell].step === LANE)) continue;
        return cell < c === Boolean(silent) ? 1 : -1;
      }
    return this.isTarget(u) ? 1 : 0;
  }
  isTarget(u) {
    const readers = this.units.readersOf(u);
    return (
      this.units.role[u] === ROLE.input &&
      readers.length > 0 &&
      readers.every((to) => this.units.role[to] === ROLE.loss)
    );
  }

  // The columns of a block are as wide as its widest, so that time runs evenly.
  setInLine(slots) {
    const widest = [];
    for (const {step, block, width} of slots)
      if (step !== undefined && step !== LANE) widest[block] = Math.max(widest[block] ?? 0, width);
    let at = 0;
    for (const slot of slots) {
      slot.left = at;
      slot.indent = 0;
      if (slot.shown && slot.step !== LANE) {
        slot.indent = Math.floor((widest[slot.block] - slot.width) / 2);
        slot.width = widest[slot.block];
      }
      for (const u of slot.shown ?? []) this.x[u] += at + slot.indent;
      at += slot.width + this.geometry.between;
    }
    this.totalWidth = Math.max(0, at - this.geometry.between);
  }

  // A bar spans the columns that it deals with. What begins or ends at a hidden one does so in the middle of the fold.
  layBars(slots) {
    const {units, placement} = this;
    const slotAt = (cell) => {
      const after = lowerBound(slots, (slot) => (slot.fold ? slot.fold[0] : slot.cell) <= cell);
      return slots[Math.max(0, after - 1)];
    };
    const edge = (cell, right) => {
      const slot = slotAt(cell);
      return slot.fold ? slot.left + slot.width / 2 + (right ? -4 : 4) : slot.left + (right ? slot.width : 0);
    };
    for (let u = 0; u < units.count; u++) {
      if (units.cell[u] !== BAR) continue;
      const [first, last] = [placement.firstCell[units.node[u]], placement.lastCell[units.node[u]]];
      const left = first <= last ? edge(first, false) : 0,
        right = first <= last ? edge(last, true) : this.totalWidth;
      this.x[u] = (left + right) / 2;
      this.width[u] = Math.max(this.geometry.width, right - left);
    }
  }

  // Rows that belong to one scope in every column: a layer. Scopes that share rows share a band.
  findBands() {
    const {units, graph, placement} = this,
      range = new Map();
    for (let u = 0; u < units.count; u++) {
      const scope = graph.scope[units.node[u]];
      if (!scope || units.cell[u] >= BAR || placement.cells[units.cell[u]].step === LANE) continue;
      if (units.role[u] === ROLE.input || units.role[u] === ROLE.constant) continue;
      const r = range.get(scope);
      if (!r) range.set(scope, {names: [graph.texts[scope]], low: units.row[u], high: units.row[u]});
      else Object.assign(r, {low: Math.min(r.low, units.row[u]), high: Math.max(r.high, units.row[u])});
    }
    const bands = [];
    for (const r of [...range.values()].sort((a, b) => a.low - b.low)) {
      const last = bands.at(-1);
      if (last && r.low <= last.high) {
        last.high = Math.max(last.high, r.high);
        last.names.push(...r.names);
      } else {
        bands.push(r);
      }
    }
    return bands.length > 1 ? bands : [];
  }
}
