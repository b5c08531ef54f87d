// Where on the time axis every node stands. A node of a step stands in that step's column. What was recorded outside
// the steps stands in a lane beside them or, where it deals with many steps, is a bar across them. Passes over the same
// steps (layers, the reverse direction) share columns; a pass that continues from another's last state (a decoder) has
// columns of its own to the right, a further block.

const BAR = NOWHERE - 1;
const LANE = -1;
const MOST_BLOCKS = 8;

class Placer {
  constructor(graph) {
    this.graph = graph;
    this.cell = new Uint32Array(graph.count).fill(NOWHERE);
    this.standsFor = new Uint32Array(graph.count).fill(NOWHERE);
    this.carried = new Uint8Array(graph.count);
    this.cells = [];
    this.foldViews();
  }

  run() {
    this.findPasses();
    this.findBlocks();
    this.makeColumns();
    this.members = groupBy(this.cell, this.cells.length);
    this.placeDependents();
    this.placeSources();
    this.markCarried();
    this.findSpans();
    this.members = groupBy(this.cell, this.cells.length);
    const {cells, cell, drawnAs, standsFor, carried, members, firstCell, lastCell} = this;
    return {cells, cell, drawnAs, standsFor, carried, members, firstCell, lastCell};
  }

  isDrawn(i) {
    return this.drawnAs[i] === i && this.graph.parameter[i] < 0;
  }
  inCell(i) {
    return this.cell[i] < BAR;
  }
  inColumn(i) {
    return this.inCell(i) && this.cells[this.cell[i]].step !== LANE;
  }
  beginsBlock(column) {
    return column === this.lanes[this.cells[column].block] + 1;
  }
  endsBlock(column) {
    return column + 1 === this.lanes[this.cells[column].block + 1];
  }

  // A view that nothing reads is drawn where it is all that reads its source: folded, an output would vanish.
  foldViews() {
    const {graph} = this;
    const reads = new Uint32Array(graph.count);
    for (const input of graph.inputs) reads[input]++;
    this.drawnAs = new Uint32Array(graph.count);
    for (let i = 0; i < graph.count; i++) {
      const source = graph.inputs[graph.inputStart[i]];
      const view = graph.has(i, FLAG.view) && graph.inputStart[i + 1] > graph.inputStart[i];
      const folds = (view && (reads[i] || reads[source] > 1)) || graph.has(i, FLAG.helper);
      this.drawnAs[i] = folds ? this.drawnAs[source] : i;
    }
  }

  // A pass ends where time turns round. Its direction is that of its first two steps, or that in which it was entered.
  findPasses() {
    this.pass = new Uint32Array(this.graph.count).fill(NOWHERE);
    this.directions = [];
    let current = -1,
      settled = false;
    const {step} = this.graph;
    for (let i = 0; i < this.graph.count; i++) {
      if (step[i] < 0 || !this.isDrawn(i)) continue;
      if (step[i] !== current) {
        const direction = step[i] > current ? 1 : -1;
        const last = this.directions.length - 1;
        if (last < 0 || (settled && direction !== this.directions[last])) {
          this.directions.push(direction);
          settled = false;
        } else {
          this.directions[last] = direction;
          settled = true;
        }
        current = step[i];
      }
      this.pass[i] = this.directions.length - 1;
    }
  }

  // A pass continues an earlier one where it reads more steps of it that lie ahead in its own direction (a decoder's
  // first step reads the encoder's last) than it reads the same steps (a further layer). What one step alone leads to
  // (a context computed from the last state) counts as that step.
  findBlocks() {
    const {graph, pass, directions} = this;
    const ahead = new Float64Array(directions.length);
    const origin = new Uint32Array(graph.count).fill(NOWHERE);
    const SEVERAL = NOWHERE - 1;
    const same = (a, b) => a < SEVERAL && b < SEVERAL && pass[a] === pass[b] && graph.step[a] === graph.step[b];
    for (let i = 0; i < graph.count; i++) {
      if (!this.isDrawn(i)) continue;
      if (graph.step[i] >= 0) origin[i] = i;
      for (let e = graph.inputStart[i]; e < graph.inputStart[i + 1]; e++) {
        const input = graph.inputs[e];
        const from = origin[this.drawnAs[input]];
        if (from === NOWHERE) continue;
        if (graph.step[i] < 0) {
          origin[i] = origin[i] === NOWHERE || same(origin[i], from) ? from : SEVERAL;
        } else if (from !== SEVERAL && pass[from] !== pass[i]) {
          const distance = graph.step[from] - graph.step[i];
          ahead[pass[i]] += distance === 0 ? -1 : distance > 0 === directions[pass[i]] > 0 ? 1 : 0;
        }
      }
    }
    this.blockOfPass = new Uint32Array(directions.length);
    for (let p = 1; p < directions.length; p++) this.blockOfPass[p] = this.blockOfPass[p - 1] + (ahead[p] > 0 ? 1 : 0);
    // Interleaved passes turn round at every step; they share their columns.
    if (directions.length && this.blockOfPass[directions.length - 1] >= MOST_BLOCKS) this.blockOfPass.fill(0);
  }

  makeColumns() {
    const {graph, pass} = this;
    const steps = []; // of each block: its steps
    for (let i = 0; i < graph.count; i++)
      if (pass[i] !== NOWHERE) (steps[this.blockOfPass[pass[i]]] ??= new Map()).set(graph.step[i], 0);
    this.lanes = [];
    for (let block = 0; block <= steps.length; block++) {
      this.lanes.push(this.cells.push({step: LANE, block}) - 1);
      if (!steps[block]) continue;
      for (const step of Int32Array.from(steps[block].keys()).sort())
        steps[block].set(step, this.cells.push({step, block}) - 1);
    }
    for (let i = 0; i < graph.count; i++)
      if (pass[i] !== NOWHERE) this.cell[i] = steps[this.blockOfPass[pass[i]]].get(graph.step[i]);
  }

  // What was recorded outside the steps and depends on one of them.
  placeDependents() {
    const {graph, cell} = this;
    const depends = new Uint8Array(graph.count);
    const least = new Uint32Array(graph.count).fill(NOWHERE); // cells of the readers
    const most = new Uint32Array(graph.count);
    for (let i = 0; i < graph.count; i++)
      if (this.inCell(i))
        for (let e = graph.inputStart[i]; e < graph.inputStart[i + 1]; e++) {
          const input = graph.inputs[e];
          const from = this.drawnAs[input];
          least[from] = Math.min(least[from], cell[i]);
          most[from] = Math.max(most[from], cell[i]);
        }
    for (let i = 0; i < graph.count; i++) {
      if (graph.step[i] >= 0 || !this.isDrawn(i)) continue;
      let first = NOWHERE,
        last = 0,
        other = -1,
        readsBar = false;
      for (let e = graph.inputStart[i]; e < graph.inputStart[i + 1]; e++) {
        const input = graph.inputs[e];
        const from = this.drawnAs[input];
        if (graph.step[from] >= 0 && this.inCell(from)) {
          first = Math.min(first, cell[from]);
          last = Math.max(last, cell[from]);
        } else if (depends[from]) {
          if (cell[from] === BAR) readsBar = true;
          else other = Math.max(other, cell[from]);
        }
      }
      if (first === NOWHERE && other < 0 && !readsBar) continue;
      depends[i] = 1;
      const read = least[i] !== NOWHERE;
      if (first < last || least[i] < most[i]) cell[i] = BAR;
      else if (first === NOWHERE && other < 0) cell[i] = graph.isOne(i) ? this.lanes.at(-1) : BAR;
      else cell[i] = Math.max(other, first === NOWHERE ? -1 : this.besideStep(last, read ? least[i] : NOWHERE));
    }
  }

  // Where a node stands that one step alone leads to.
  besideStep(step, reader) {
    const block = this.cells[step].block;
    if (reader !== NOWHERE && this.cells[reader].block > block) return this.lanes[this.cells[reader].block];
    return this.endsBlock(step) && reader === NOWHERE ? this.lanes[block + 1] : step;
  }

  // What depends on no step is placed by what reads it, so from the end.
  placeSources() {
    const {graph, cell} = this;
    const first = new Uint32Array(graph.count).fill(NOWHERE); // columns of the readers
    const last = new Uint32Array(graph.count);
    const lane = new Uint32Array(graph.count).fill(NOWHERE);
    const barReads = new Uint8Array(graph.count);
    const reader = new Uint32Array(graph.count); // one of them, in a column
    const position = new Uint32Array(graph.count);
    for (let i = graph.count; i-- > 0;) {
      if (!this.isDrawn(i)) continue;
      if (cell[i] === NOWHERE) {
        if (first[i] < last[i]) cell[i] = BAR;
        else if (first[i] !== NOWHERE) cell[i] = this.sourceCell(i, first[i], reader[i], position[i]);
        else cell[i] = lane[i] !== NOWHERE ? lane[i] : barReads[i] ? BAR : 0;
      }
      for (let e = graph.inputStart[i]; e < graph.inputStart[i + 1]; e++) {
        const from = this.drawnAs[graph.inputs[e]];
        if (cell[i] === BAR) {
          barReads[from] = 1;
        } else if (this.inColumn(i)) {
          first[from] = Math.min(first[from], cell[i]);
          last[from] = Math.max(last[from], cell[i]);
          reader[from] = i;
          position[from] = e - graph.inputStart[i];
        } else {
          lane[from] = Math.min(lane[from], cell[i]);
        }
      }
    }
  }

  // Read by one column only: an initial state, or an input that was recorded outside its step. It is a state where the
  // same place of the neighbouring column reads another column.
  sourceCell(i, column, reader, position) {
    const first = this.beginsBlock(column),
      last = this.endsBlock(column);
    const before = this.lanes[this.cells[column].block],
      after = this.lanes[this.cells[column].block + 1];
    if (first && (last || this.takesPlaceOf(i, column, column + 1, reader, position))) return before;
    if (last && this.takesPlaceOf(i, column, column - 1, reader, position)) return after;
    return column;
  }

  takesPlaceOf(i, column, other, reader, position) {
    const {graph} = this;
    const here = this.members.of(column),
      there = this.members.of(other);
    const at = here.indexOf(reader);
    if (at < 0 || at >= there.length) return false;
    const twin = graph.inputsOf(there[at]);
    if (graph.op[there[at]] !== graph.op[reader] || twin.length !== graph.inputsOf(reader).length) return false;
    const state = this.drawnAs[twin[position]];
    if (!this.inColumn(state) || this.cell[state] === other) return false;
    this.standsFor[i] = state;
    return true;
  }

  markCarried() {
    const {graph, cell} = this;
    for (let i = 0; i < graph.count; i++) {
      if (!this.inColumn(i)) continue;
      for (let e = graph.inputStart[i]; e < graph.inputStart[i + 1]; e++) {
        const input = graph.inputs[e];
        const from = this.drawnAs[input];
        if (this.inColumn(from) && cell[from] !== cell[i]) this.carried[from] = 1;
      }
    }
    // At the end of time nothing reads the state any more; it is known by its neighbour's.
    for (let c = 0; c < this.cells.length; c++) {
      if (this.cells[c].step === LANE) continue;
      if (this.endsBlock(c) && !this.beginsBlock(c)) this.copyCarried(c - 1, c);
      if (this.beginsBlock(c) && !this.endsBlock(c)) this.copyCarried(c + 1, c);
    }
  }
  copyCarried(from, to) {
    const known = this.members.of(from),
      ends = this.members.of(to);
    for (let k = 0; k < known.length; k++) {
      const like = this.carried[known[k]] ? likeAt(this.graph, ends, k, known[k]) : -1;
      if (like >= 0) this.carried[like] = 1;
    }
  }

  // Of each bar the columns that it deals with, or those of the bars that it deals with; first > last: none.
  findSpans() {
    const {graph} = this;
    this.firstCell = new Uint32Array(graph.count).fill(NOWHERE);
    this.lastCell = new Uint32Array(graph.count);
    for (let i = 0; i < graph.count; i++)
      for (const input of graph.inputsOf(i)) {
        this.widen(i, this.drawnAs[input]);
        this.widen(this.drawnAs[input], i);
      }
    for (let i = graph.count; i-- > 0;) for (const input of graph.inputsOf(i)) this.widen(this.drawnAs[input], i);
  }
  widen(bar, other) {
    if (this.cell[bar] !== BAR) return;
    const column = this.inColumn(other);
    if (!column && this.cell[other] !== BAR) return;
    this.firstCell[bar] = Math.min(this.firstCell[bar], column ? this.cell[other] : this.firstCell[other]);
    this.lastCell[bar] = Math.max(this.lastCell[bar], column ? this.cell[other] : this.lastCell[other]);
  }
}

const place = (graph) => new Placer(graph).run();

const LIKE_REACH = 6; // places by which a step at the end of time may be out of line with the others

/** Of a column's members the one like node `i` of another column, nearest to place `k`, or -1. */
function likeAt(graph, members, k, i) {
  const isLike = (j) =>
    graph.op[j] === graph.op[i] && graph.scope[j] === graph.scope[i] && graph.shape[j] === graph.shape[i];
  for (let off = 0; off <= LIKE_REACH; off++) {
    if (k + off < members.length && isLike(members[k + off])) return members[k + off];
    if (k >= off && k - off < members.length && isLike(members[k - off])) return members[k - off];
  }
  return -1;
}
