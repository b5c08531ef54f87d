// The backward walk as a film: at stage k everything from the loss down to that stage's first node has its gradient.

class Backward {
  constructor(facts) {
    this.facts = facts;
    this.stages = facts.stages;
    this.stage = 0; // 0: not begun
    this.uses = facts.uses.map(firstUseOfSteps(facts.graph));
  }

  get active() {
    return this.stage > 0;
  }
  get last() {
    return this.stages.length;
  }
  get current() {
    return this.stages[this.stage - 1] ?? null;
  }
  /** The first node that has its gradient. */
  get border() {
    return this.current ? this.current.first : Infinity;
  }

  reached(i) {
    return i >= this.border && i <= (this.stages[0]?.end ?? 0) && this.facts.graph.has(i, FLAG.needsGrad);
  }
  arriving(i) {
    return this.current !== null && i >= this.current.first && i < this.current.end;
  }

  describe() {
    const {current, facts} = this;
    if (!current) return "";
    const cell = facts.placement.cells[current.cell];
    return cell && cell.step !== LANE ? `t = ${cell.step}` : "outside the steps";
  }

  /** The sum of a shared parameter's gradient so far: {steps, reached, norm}. */
  sumOf(p) {
    const {series, norm} = this.facts.graph.parameters[p],
      first = this.uses[p];
    let steps = 0,
      running = 0;
    const done = new Set();
    for (const [step, node] of first) {
      if (node < this.border) continue;
      steps++;
      done.add(step);
    }
    if (series) {
      const at = series.steps.findIndex((step) => done.has(step));
      running = at < 0 ? 0 : series.running[at];
    }
    return {steps, of: first.size, done, norm: series ? running : steps === first.size ? norm : -1};
  }
}

/** Of every step the first node that uses a parameter: when the walk has passed it, the step has contributed. */
const firstUseOfSteps = (graph) => (uses) => {
  const first = new Map();
  for (const i of uses) if (!first.has(graph.step[i])) first.set(graph.step[i], i);
  return first;
};
