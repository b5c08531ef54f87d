// What a lane hands to a step has its row of the lane to itself: two initial states of one step (the h and c of an LSTM)
// in one row would stand in line, as if one led to the other. As lib/dump/lane_rows.cpp does for the pictures.

const MOST_APART = 8; // more than these in one row stay there: a heap is no picture either way

/** The first stays beside the states that follow it, the others go to the nearest free rows of the lane. */
function partLaneSources(placement, units) {
  const sources = laneSources(placement, units);
  if (sources.size === 0) return;
  const taken = new Map(), // "lane,row" to the units that stand there
    bars = new Map(); // row to the cells that its bars span
  const add = (map, key, value) => map.get(key)?.push(value) ?? map.set(key, [value]);
  for (let u = 0; u < units.count; u++) {
    const node = units.node[u];
    if (isInLane(placement, units, u)) add(taken, `${units.cell[u]},${units.row[u]}`, u);
    if (units.cell[u] === BAR) add(bars, units.row[u], [placement.firstCell[node], placement.lastCell[node]]);
  }
  const isFree = (lane, row) =>
    !taken.has(`${lane},${row}`) &&
    !(bars.get(row) ?? []).some(([from, to]) => from > to || (from < lane && lane < to)); // without cells: all the way
  const move = (u) => {
    const {low, high} = sources.get(u),
      lane = units.cell[u],
      here = units.row[u];
    for (let away = 1; away <= units.rows; away++)
      for (const row of [here + away, here - away]) {
        if (row < low || row > high || row > units.rows || !isFree(lane, row)) continue;
        units.row[u] = row;
        units.rows = Math.max(units.rows, row + 1);
        taken.set(`${lane},${row}`, [u]);
        return;
      }
  };
  for (const here of [...taken.values()]) {
    const handing = here.filter((u) => sources.has(u));
    if (here.length === 1 || handing.length > MOST_APART) continue;
    handing.slice(handing.length === here.length ? 1 : 0).forEach(move);
  }
}

const isInLane = (placement, units, u) => units.cell[u] < BAR && placement.cells[units.cell[u]].step === LANE;

/** What stands in a lane and is read by a step, with the rows between what leads up to it and what it leads up to. */
function laneSources(placement, units) {
  const sources = new Map();
  for (let u = 0; u < units.count; u++) {
    if (!isInLane(placement, units, u)) continue;
    const readers = [...units.readersOf(u)];
    if (readers.some((to) => units.cell[to] < BAR && placement.cells[units.cell[to]].step !== LANE))
      sources.set(u, {low: 0, high: Infinity});
  }
  for (const [u, limits] of sources) {
    for (const to of units.readersOf(u))
      if (runsUp(placement, units, u, to))
        limits.high = sources.has(to) ? -1 : Math.min(limits.high, units.row[to] - 1);
    for (const from of units.inputsOf(u))
      if (runsUp(placement, units, from, u)) {
        limits.low = Math.max(limits.low, units.row[from] + 1);
        if (sources.has(from)) limits.high = -1; // of two that lead to one another both stay
      }
  }
  return sources;
}
