// Paints a scene, or the part of it inside a box. What is too small to be read is left out: first letters and arrow
// heads, then edges and outlines, until a box is a dot of its colour.

const FAR = 0.13; // zoom from which outlines are drawn; letters are from the geometry's `near`
const SMALL = 0.4; // and small letters

class Painter {
  constructor(ctx, theme, zoom, geometry) {
    Object.assign(this, {ctx, theme, zoom});
    this.near = zoom >= geometry.near;
    this.far = zoom < FAR;
    this.dot = 0.8 / zoom;
  }

  /** `look` says how units are coloured and marked: {fill(u), ink(u), label(u), sub(u), badges(u)}. */
  scene(scene, box, look) {
    const {ctx, theme} = this;
    this.columns(scene, box);
    const shown = slotsIn(scene, box);
    if (!this.far) {
      ctx.lineWidth = this.near ? 1.4 : 1.1 / Math.sqrt(this.zoom);
      ctx.strokeStyle = theme.line;
      for (const slot of shown) if (slot.shown) this.stampEdges(scene, slot, box);
    }
    if (this.zoom > FAR / 2.5) this.crossEdges(scene, shown, box);
    const half = scene.geometry.height / 2;
    for (const slot of shown) if (slot.fold) this.fold(scene, slot, look);
    for (const slot of shown)
      for (const u of slot.shown ?? [])
        if (scene.y[u] + half >= box.top && scene.y[u] - half <= box.bottom) this.unit(scene, u, look);
    for (const u of scene.bars) this.unit(scene, u, look, box);
  }

  columns(scene, box) {
    const {ctx, theme} = this,
      pad = 22;
    const top = columnTop(scene),
      height = columnBottom(scene) - top;
    ctx.fillStyle = theme.column;
    for (const slot of slotsIn(scene, box)) {
      if (slot.fold || slot.step === LANE) continue;
      if (this.far) ctx.fillRect(slot.left - pad, top, slot.width + 2 * pad, height);
      else fillRound(ctx, slot.left - pad, top, slot.width + 2 * pad, height, 12);
    }
    if (this.zoom < 0.2) return;
    ctx.fillStyle = theme.soft;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.font = `16px ${FONT}`;
    for (const slot of slotsIn(scene, box))
      if (!slot.fold && slot.step !== LANE)
        ctx.fillText(slot.caption ?? `t = ${slot.step}`, slot.left + slot.width / 2, columnBottom(scene) - 20);
  }

  stampEdges(scene, slot, box) {
    const {ctx} = this,
      {routes} = slot.stamp;
    ctx.save();
    ctx.translate(slot.left + slot.indent, 0);
    ctx.beginPath();
    for (const route of routes) if (route[1] >= box.top && route.at(-1) <= box.bottom) trace(ctx, route);
    ctx.stroke();
    if (this.near) {
      ctx.fillStyle = this.theme.line;
      ctx.beginPath();
      for (const route of routes) head(ctx, route);
      ctx.fill();
    }
    ctx.restore();
  }

  /** Edges that are no part of a stamp: what one step hands to another, and between bars and lanes. */
  crossEdges(scene, shown, box) {
    const {units} = scene,
      carried = [],
      others = [];
    const add = (u) => {
      for (const from of units.inputsOf(u))
        if (!inOneColumn(scene, from, u))
          (isCarried(scene, from, u) ? carried : others).push(sidewaysRoute(scene, from, u));
    };
    for (const slot of shown) slot.shown?.forEach(add);
    scene.bars.forEach(add);
    // Into what is off to the right, or comes from there.
    const last = shown.at(-1);
    const next = last && scene.slots[scene.slots.indexOf(last) + 1];
    next?.shown?.forEach(add);
    for (const route of scene.foldRoutes ?? []) if (route[0] < box.right && route.at(-2) > box.left) carried.push(route);
    this.routes(others, this.theme.line, 1);
    this.routes(carried, this.theme.carry, 1.25);
  }

  routes(routes, color, headSize) {
    const {ctx} = this;
    ctx.strokeStyle = ctx.fillStyle = color;
    ctx.lineWidth = (this.near ? 1.9 : this.far ? 0.8 / this.zoom : 1.4 / Math.sqrt(this.zoom)) * headSize;
    ctx.beginPath();
    for (const route of routes) trace(ctx, route);
    ctx.stroke();
    if (!this.near) return;
    ctx.beginPath();
    for (const route of routes) head(ctx, route, headSize);
    ctx.fill();
  }

  unit(scene, u, look, box = null) {
    const {ctx, theme} = this,
      {units, geometry} = scene;
    const w = scene.width[u],
      h = geometry.height,
      x = scene.x[u] - w / 2,
      y = scene.y[u] - h / 2;
    if (box && (x > box.right || x + w < box.left)) return;
    const role = units.role[u];
    ctx.fillStyle = look.fill(u) ?? (this.far ? theme.lines[role] : theme.fills[role]);
    if (this.far) {
      // never less than most of a pixel
      ctx.fillRect(x, y, Math.max(w, this.dot), Math.max(h, this.dot));
      return;
    }
    const pill = role === ROLE.input || role === ROLE.constant;
    const strong = role === ROLE.state || role === ROLE.cell;
    ctx.beginPath();
    ctx.roundRect(x, y, w, h, pill ? h / 2 : role === ROLE.cell ? 12 : 7);
    ctx.fill();
    ctx.lineWidth = (strong ? 2.2 : 1.3) / (this.near ? 1 : Math.sqrt(this.zoom * 2));
    ctx.strokeStyle = theme.lines[role];
    ctx.stroke();
    if (!this.near) return;
    this.letters(scene, u, look, box);
    if (this.zoom >= SMALL) this.badges(scene, u, look);
  }

  letters(scene, u, look, box) {
    const {ctx, theme} = this,
      {geometry} = scene;
    let x = scene.x[u];
    if (box && scene.width[u] > geometry.width * 1.5) {
      const a = Math.max(box.left, x - scene.width[u] / 2),
        b = Math.min(box.right, x + scene.width[u] / 2);
      x = clamp((a + b) / 2, x - scene.width[u] / 2 + 48, x + scene.width[u] / 2 - 48);
    }
    const ink = look.ink(u),
      limit = Math.floor(scene.width[u] / geometry.letter),
      sub = look.sub(u);
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.fillStyle = ink ?? theme.ink;
    ctx.font = geometry.font;
    ctx.fillText(isolated(look.label(u), limit), x, scene.y[u] + (sub && this.zoom >= SMALL ? geometry.labelAt : 0));
    if (!sub || this.zoom < SMALL) return;
    ctx.fillStyle = ink ?? theme.soft;
    ctx.font = geometry.small;
    ctx.fillText(isolated(sub, Math.floor(scene.width[u] / 5.6)), x, scene.y[u] + geometry.smallAt);
  }

  /** The shared parameters that a unit reads, as marks on its lower edge. */
  badges(scene, u, look) {
    const {ctx, theme} = this,
      {geometry} = scene;
    ctx.lineWidth = 2;
    for (const {text, color, x, y, width, height} of placeBadges(ctx, scene, u, look)) {
      ctx.fillStyle = color;
      ctx.strokeStyle = theme.column;
      ctx.beginPath();
      ctx.roundRect(x, y, width, height, height / 2);
      ctx.stroke();
      ctx.fill();
      ctx.fillStyle = "#fff";
      ctx.font = geometry.markFont;
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.fillText(text, x + width / 2, y + height / 2 + 0.5);
    }
  }

  /** A run of hidden steps: a pleated strip with its steps and how many they are. */
  fold(scene, slot, look) {
    const {ctx, theme} = this;
    const top = columnTop(scene),
      height = columnBottom(scene) - top,
      x = slot.left;
    ctx.fillStyle = theme.fold;
    for (let k = 0; k < 5; k++) {
      const left = x + (k * slot.width) / 5;
      ctx.globalAlpha = k % 2 ? 0.55 : 1;
      ctx.fillRect(left, top + (k % 2 ? 5 : 0), slot.width / 5, height - (k % 2 ? 10 : 0));
    }
    ctx.globalAlpha = 1;
    if (this.zoom < 0.2) return;
    look.foldPicture?.(ctx, slot, {x: x + 8, width: slot.width - 16, middle: top + height / 2});
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    const middle = x + slot.width / 2;
    ctx.fillStyle = theme.ink;
    ctx.font = `650 21px ${FONT}`;
    ctx.fillText(`×${slot.steps.count}`, middle, top + 30);
    ctx.font = `12px ${FONT}`;
    ctx.fillStyle = theme.soft;
    if (slot.steps.kinds > 1) ctx.fillText(`${slot.steps.kinds} kinds`, middle, top + 52);
    ctx.font = `14px ${FONT}`;
    ctx.fillText(`t = ${slot.steps.first}…${slot.steps.last}`, middle, columnBottom(scene) - 20);
  }
}

/** Where a unit's marks stand: from the right, in as many rows as it takes. */
function placeBadges(ctx, scene, u, look) {
  const marks = look.badges(u),
    {geometry} = scene,
    height = geometry.mark,
    edge = scene.x[u] + geometry.width / 2 + 4;
  if (marks.length) ctx.font = geometry.markFont;
  let right = edge,
    y = scene.y[u] + geometry.height / 2 - height * 0.35;
  return marks.map((mark) => {
    const width = Math.max(height, ctx.measureText(mark.text).width + 10);
    if (right < edge && right - width < scene.x[u] - geometry.width / 2 - 6) {
      right = edge;
      y += height + 1;
    }
    right -= width + 1;
    return {...mark, x: right + 1, y, width, height};
  });
}

const columnTop = (scene) => (scene.loops ? -56 : -18);
const columnBottom = (scene) => scene.totalHeight + 36;

/** The slots that a box touches, by halving: they stand in line. */
function slotsIn(scene, box) {
  const {slots} = scene;
  let low = 0,
    high = slots.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (slots[middle].left + slots[middle].width + 30 < box.left) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < slots.length && slots[end].left - 30 <= box.right) end++;
  return slots.slice(low, end);
}

/** Whether an edge is a part of a column's stamp. */
function inOneColumn(scene, from, to) {
  const {units} = scene,
    a = units.cell[from],
    b = units.cell[to];
  if (a === BAR && b === BAR) return false;
  if (a === BAR) return scene.slotOf.get(b)?.step !== LANE;
  if (b === BAR) return scene.slotOf.get(a)?.step !== LANE;
  return a === b;
}

/** Whether an edge leads from a step, or from an initial state, into a step. */
function isCarried(scene, from, to) {
  const {cell} = scene.units;
  return cell[from] < BAR && cell[to] < BAR && scene.slotOf.get(cell[to])?.step !== LANE;
}

function trace(ctx, route) {
  ctx.moveTo(route[0], route[1]);
  for (let k = 2; k < route.length; k += 6)
    ctx.bezierCurveTo(route[k], route[k + 1], route[k + 2], route[k + 3], route[k + 4], route[k + 5]);
}

/** The arrow head at a route's end. */
function head(ctx, route, size = 1) {
  const n = route.length,
    x = route[n - 2],
    y = route[n - 1];
  const angle = Math.atan2(y - route[n - 3], x - route[n - 4]) || 0;
  const c = Math.cos(angle) * size,
    s = Math.sin(angle) * size;
  ctx.moveTo(x + 5.5 * c, y + 5.5 * s);
  ctx.lineTo(x - 4 * c + 4 * s, y - 4 * s - 4 * c);
  ctx.lineTo(x - 4 * c - 4 * s, y - 4 * s + 4 * c);
  ctx.closePath();
}

function fillRound(ctx, x, y, width, height, radius) {
  ctx.beginPath();
  ctx.roundRect(x, y, width, height, radius);
  ctx.fill();
}
