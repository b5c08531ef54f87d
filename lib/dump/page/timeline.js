// What stands around the columns: the arrow of time, the layers' names, the lane of parameters.

const LANE_PITCH = 24;

/** The arrow of time under the columns and, on the left, the names of the layers. */
function drawTimeline(ctx, view, app) {
  const {scene, camera} = view,
    {theme} = app;
  const columns = scene.slots.filter((slot) => slot.fold || slot.step !== LANE);
  if (columns.length > 1 && !view.folded) {
    const first = columns[0],
      last = columns.at(-1);
    const y = camera.toScreenY(columnBottom(scene) + 18);
    const left = camera.toScreenX(first.left - 10),
      right = camera.toScreenX(last.left + last.width + 22);
    ctx.strokeStyle = ctx.fillStyle = theme.line;
    ctx.lineWidth = 1.4;
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(right - 8, y);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(right, y);
    ctx.lineTo(right - 10, y - 4.5);
    ctx.lineTo(right - 10, y + 4.5);
    ctx.fill();
    ctx.font = `italic 13px ${FONT}`;
    ctx.textAlign = "right";
    ctx.textBaseline = "top";
    ctx.fillText("time", Math.min(right, camera.width - 12), y + 6);
    if (camera.zoom < 0.2) drawTicks(ctx, view, app, columns);
  }
  if (app.backward.active) drawCaption(ctx, view, app);
  drawBands(ctx, view, app);
}

// From afar the columns' own captions are too small: every so many steps one is written.
function drawTicks(ctx, view, app, columns) {
  const {scene, camera} = view;
  ctx.font = `12px ${FONT}`;
  ctx.textAlign = "center";
  ctx.fillStyle = app.theme.soft;
  const y = camera.toScreenY(columnBottom(scene) + 18) + 6;
  let free = -Infinity;
  for (const slot of slotsIn(scene, camera.bounds)) {
    if (slot.step === LANE) continue;
    const text = slot.fold ? `${slot.steps.first}\u2026${slot.steps.last}` : String(slot.step);
    const x = camera.toScreenX(slot.left + slot.width / 2);
    if (x < free || x > camera.width - 60) continue;
    ctx.fillText(text, x, y);
    free = x + Math.max(60, text.length * 8);
  }
}

function drawBands(ctx, view, app) {
  const {scene, camera} = view;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.font = `600 12px ${FONT}`;
  for (const {names, low, high} of scene.bands) {
    const top = camera.toScreenY(scene.rowY(high) - scene.geometry.pitch / 2 + 4);
    const bottom = camera.toScreenY(scene.rowY(low) + scene.geometry.pitch / 2 - 4);
    if (bottom - top < 14) continue;
    ctx.fillStyle = app.theme["state-line"];
    ctx.globalAlpha = 0.7;
    fillRound(ctx, 8, top, 3, bottom - top, 1.5);
    ctx.globalAlpha = 1;
    const text = isolated(
      names
        .slice(0, 3)
        .map((name) => lastPart(name))
        .join(" \u00b7 ") + (names.length > 3 ? " \u2026" : ""),
      28,
    );
    const width = ctx.measureText(text).width,
      y = (Math.max(top, 0) + Math.min(bottom, camera.height)) / 2;
    ctx.save();
    ctx.translate(21, y);
    ctx.rotate(-Math.PI / 2);
    ctx.textAlign = "center";
    if (width < bottom - top + 30) {
      ctx.fillStyle = app.theme.soft;
      ctx.fillText(text, 0, 0);
    }
    ctx.restore();
  }
}

function drawCaption(ctx, view, app) {
  ctx.font = `600 14px ${FONT}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  ctx.fillStyle = app.theme.gradient;
  const scene = view.scene,
    y = view.camera.toScreenY(columnTop(scene)) - 24;
  ctx.fillText(`\u2190 gradients arrive at ${app.backward.describe()}`, view.camera.width / 2, Math.max(52, y));
}

/** Parameters as lines that run under all steps, with a dot where a step reads them. */
function drawLane(ctx, view, app) {
  const {scene, camera} = view,
    {facts, graph} = app;
  const top = columnBottom(scene) + 64,
    box = camera.bounds;
  const columns = slotsIn(scene, box);
  if (!columns.length) return;
  scene.reads ??= facts.uses.map((nodes) => new Set(nodes.map((i) => facts.placement.cell[i])));
  graph.parameters.forEach((parameter, p) => {
    const y = top + p * LANE_PITCH,
      left = Math.max(0, box.left);
    ctx.strokeStyle = ctx.fillStyle = parameterColor(p);
    ctx.globalAlpha = app.litParameter === null || app.litParameter === p ? 1 : 0.2;
    ctx.lineWidth = 2 / Math.min(1, camera.zoom * 2);
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(scene.totalWidth, y);
    ctx.stroke();
    for (const slot of columns) {
      const reads = slot.fold ? scene.reads[p].has(slot.fold[0]) : scene.reads[p].has(slot.cell);
      if (!reads) continue;
      ctx.beginPath();
      ctx.arc(slot.left + slot.width / 2, y, Math.max(4.5, 1.5 / camera.zoom), 0, 7);
      ctx.fill();
    }
    if (camera.zoom > 0.3) {
      ctx.font = `600 12px ${FONT}`;
      ctx.textAlign = "left";
      ctx.textBaseline = "middle";
      const text = isolated(parameter.name, 24),
        x = Math.max(0, box.left + 34 / camera.zoom);
      const width = ctx.measureText(text).width;
      ctx.fillStyle = app.theme.paper;
      ctx.fillRect(x - 4, y - 9, width + 8, 18);
      ctx.fillStyle = parameterColor(p);
      ctx.fillText(text, x, y);
    }
    ctx.globalAlpha = 1;
  });
}
