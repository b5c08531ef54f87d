// Steps where none were recorded. The file stores a stretch that repeats once, with how its operands move on: a
// recurrence that was found by structure. Its repetitions are taken as steps, with the odd ones at either end.

const LEAST_REPEATS = 4;

function inferSteps(graph) {
  if (graph.step.some((step) => step >= 0)) return false;
  const {json, firsts} = graph.file;
  let found = false;
  json.segments.forEach(({count, rows}, s) => {
    if (count < LEAST_REPEATS) return;
    found = true;
    const period = rows.length;
    const begin = alike(graph, firsts[s] - period, firsts[s], period) ? firsts[s] - period : firsts[s];
    const last = firsts[s] + count * period,
      end = alike(graph, last, firsts[s], period) ? last + period : last;
    for (let i = begin; i < end; i++) if (graph.parameter[i] < 0) graph.step[i] = Math.floor((i - begin) / period);
  });
  return found;
}

/** Whether two stretches have the same ops and shapes, and the first is not part of another repetition. */
function alike(graph, a, b, length) {
  if (a < 0 || a + length > graph.count || graph.step[a] >= 0) return false;
  for (let k = 0; k < length; k++)
    if (graph.op[a + k] !== graph.op[b + k] || graph.shape[a + k] !== graph.shape[b + k]) return false;
  return true;
}
