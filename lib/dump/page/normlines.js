// Below the heat map: the norms of what the steps hand on as lines over time, so that a slope can be seen as a slope.

const LINE_COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a63b5", "#7f7f7f"];

/** Draws the lines between two heights of the canvas; nothing where there is no room. */
function drawNormLines(ctx, view, top, bottom) {
  const rows = view.rows.filter((row) => /^(h|c|h, c|state)/.test(row.name)).slice(0, LINE_COLORS.length);
  if (bottom - top < 90 || !rows.length || !view.scale.known) return;
  const {theme} = view.app,
    {left, right} = view.frame,
    scale = new LogScale(rows.flatMap((row) => Array.from(row.norms)));
  drawPowers(ctx, theme, scale, {left, right, top, bottom});
  const y = (norm) => bottom - ((Math.log10(norm) - scale.low) / (scale.high - scale.low)) * (bottom - top);
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top - 4, right - left, bottom - top + 8);
  ctx.clip();
  ctx.lineWidth = 1.8;
  const [from, to] = view.domain,
    per = Math.max(1, Math.floor((to - from) / (2 * (right - left))));
  rows.forEach((row, r) => {
    ctx.strokeStyle = LINE_COLORS[r];
    ctx.beginPath();
    const begin = Math.max(0, Math.floor(from) - row.first),
      end = Math.min(row.count, Math.ceil(to) - row.first);
    for (let k = begin; k < end; k += per)
      if (row.norms[k] > 0 && row.norms[k] < Infinity) ctx.lineTo(view.toX(row.first + k + 0.5), y(row.norms[k]));
    ctx.stroke();
  });
  ctx.restore();
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.font = `600 12px ${FONT}`;
  rows.forEach((row, r) => {
    ctx.fillStyle = LINE_COLORS[r];
    ctx.fillRect(14, top + 8 + r * 18 - 1, 14, 3);
    ctx.fillStyle = theme.ink;
    ctx.fillText(isolated(`${lastPart(row.scope)} ${row.name}`, 14), 34, top + 8 + r * 18);
  });
}

/** Lines at powers of ten; where norms span little, at the ends of their range. */
function drawPowers(ctx, theme, scale, {left, right, top, bottom}) {
  const step = Math.max(1, Math.ceil((scale.high - scale.low) / ((bottom - top) / 26)));
  let powers = [];
  for (let power = Math.ceil(scale.low / step) * step; power <= scale.high; power += step) powers.push(power);
  if (powers.length < 2) powers = [scale.low, scale.high];
  ctx.font = `12px ${FONT}`;
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  for (const power of powers) {
    const y = bottom - ((power - scale.low) / (scale.high - scale.low)) * (bottom - top);
    ctx.fillStyle = theme.faint;
    ctx.fillRect(left, y, right - left, 1);
    ctx.fillStyle = theme.soft;
    ctx.fillText(numberText(10 ** power, 2), left - 10, y);
  }
}
