// Which steps are hidden. A fold is a run of hidden columns; it is drawn as one narrow place, and can always be undone.

const FIRST_STEPS = 3,
  LAST_STEPS = 2;
const FEW_STEPS = 8; // that are unfolded at a time, when not all are wanted
const FOLD_FROM = 8; // steps; a shorter sequence is shown whole

class Folds {
  constructor(placement) {
    this.placement = placement;
    this.hidden = new Uint8Array(placement.cells.length);
    this.foldAll();
  }

  isColumn(c) {
    return this.placement.cells[c].step !== LANE;
  }

  /** Runs of columns between lanes, as [first, end). */
  blocks() {
    const {cells} = this.placement,
      out = [];
    for (let c = 0; c < cells.length; c++) {
      if (cells[c].step === LANE) continue;
      const first = c;
      while (cells[c].step !== LANE) c++; // a lane follows every block
      out.push([first, c]);
    }
    return out;
  }

  foldAll() {
    this.hidden.fill(0);
    for (const [first, end] of this.blocks())
      if (end - first >= FOLD_FROM) this.hidden.fill(1, first + FIRST_STEPS, end - LAST_STEPS);
  }
  unfoldAll() {
    this.hidden.fill(0);
  }
  unfold([first, end]) {
    this.hidden.fill(0, first, end);
  }

  /** The run of hidden columns around a column. */
  runAt(c) {
    let first = c,
      end = c;
    while (first > 0 && this.hidden[first - 1]) first--;
    while (end < this.hidden.length && this.hidden[end]) end++;
    return [first, end];
  }

  /** Shows a column and, where a long run hides it, its neighbours. */
  reveal(c) {
    if (!this.hidden[c]) return false;
    const [first, end] = this.runAt(c);
    this.hidden.fill(0, Math.max(first, c - 1), Math.min(end, c + 2));
    return true;
  }

  /** Hides a shown column into a fold beside it, else together with the shown neighbour. */
  fold(c) {
    if (!this.isColumn(c)) return;
    this.hidden[c] = 1;
    const alone = !this.hidden[c - 1] && !this.hidden[c + 1];
    if (alone && this.isColumn(c + 1)) this.hidden[c + 1] = 1;
    else if (alone && this.isColumn(c - 1)) this.hidden[c - 1] = 1;
  }

  /** "3-47,60-80", columns by number; restore() takes it back. */
  toText() {
    const runs = [];
    for (let c = 0; c < this.hidden.length; c++) {
      if (!this.hidden[c]) continue;
      const [first, end] = this.runAt(c);
      runs.push(`${first}-${end - 1}`);
      c = end;
    }
    return runs.join(",") || "none";
  }
  restore(text) {
    this.hidden.fill(0);
    for (const [, first, last] of text.matchAll(/(\d+)-(\d+)/g))
      for (let c = Number(first); c <= Math.min(Number(last), this.hidden.length - 1); c++)
        if (this.isColumn(c)) this.hidden[c] = 1;
  }
}

/** A column's structure as a number: its ops and shapes in order, and from how far away it reads. */
function columnKey(graph, placement, c) {
  let hash = 0;
  for (const i of placement.members.of(c)) {
    hash = (Math.imul(hash, 31) + graph.op[i] * 7 + graph.shape[i]) | 0;
    for (let e = graph.inputStart[i]; e < graph.inputStart[i + 1]; e++) {
      const input = graph.inputs[e];
      const from = placement.cell[placement.drawnAs[input]];
      hash = (Math.imul(hash, 31) + (from < BAR ? c - from : 99)) | 0;
    }
  }
  return hash;
}

/** How many structures the columns of a run have. */
function structureKinds(graph, placement, [first, end]) {
  const kinds = new Set();
  for (let c = first; c < end; c++) kinds.add(columnKey(graph, placement, c));
  return kinds.size;
}
