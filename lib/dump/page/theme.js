// Colours. The style sheet holds those of either theme; what is drawn reads them there. Scales and parameters use hues
// that stay apart for colour-blind eyes, and no meaning hangs on hue alone: shapes, labels and lightness say it too.

const PARAMETER_COLORS = [
  "#5b3fa0",
  "#b8336a",
  "#00796b",
  "#a8541a",
  "#2f5fb3",
  "#6b4a2f",
  "#56720f",
  "#92278f",
  "#00698c",
  "#7d5c00",
];
const parameterColor = (p) => PARAMETER_COLORS[p % PARAMETER_COLORS.length];

// For what is counted by kind: Paul Tol's light set and its darker relatives.
const KIND_COLORS = [
  "#77aadd",
  "#ee8866",
  "#44bb99",
  "#eedd88",
  "#ffaabb",
  "#99ddff",
  "#bbcc33",
  "#aaaa00",
  "#c5a3d9",
  "#b0b8be",
];
const kindColor = (k) => KIND_COLORS[k % KIND_COLORS.length];

// Viridis, nine stops.
const STOPS = [
  [68, 1, 84],
  [72, 40, 120],
  [62, 74, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [110, 206, 88],
  [181, 222, 43],
  [253, 231, 37],
];
const SCALE = Array.from({length: 256}, (_, k) => {
  const at = (k / 255) * (STOPS.length - 1),
    low = Math.min(STOPS.length - 2, Math.floor(at));
  return STOPS[low].map((c, channel) => Math.round(c + (at - low) * (STOPS[low + 1][channel] - c)));
});
const SCALE_CSS = SCALE.map(([r, g, b]) => `rgb(${r},${g},${b})`);
const scaleIndex = (part) => Math.round(clamp(part, 0, 1) * 255);

const NAMES = [
  "paper",
  "panel",
  "ink",
  "soft",
  "faint",
  "line",
  "column",
  "fold",
  "box",
  "box-line",
  "input",
  "input-line",
  "constant",
  "constant-line",
  "state",
  "state-line",
  "loss",
  "loss-line",
  "head",
  "head-line",
  "carry",
  "gradient",
  "select",
];

function readTheme() {
  const style = getComputedStyle(document.documentElement),
    theme = {};
  for (const name of NAMES) theme[name] = style.getPropertyValue("--" + name).trim();
  theme.fills = [theme.box, theme.input, theme.constant, theme.state, theme.loss, theme.state, theme.head];
  theme.lines = [
    theme["box-line"],
    theme["input-line"],
    theme["constant-line"],
    theme["state-line"],
    theme["loss-line"],
    theme["state-line"],
    theme["head-line"],
  ];
  return theme;
}

const FONT = 'system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';

/** A range of positive numbers on a logarithmic scale of colours. */
class LogScale {
  constructor(values) {
    this.low = Infinity;
    this.high = -Infinity;
    for (const value of values)
      if (value > 0 && value < Infinity) {
        const log = Math.log10(value);
        if (log < this.low) this.low = log;
        if (log > this.high) this.high = log;
      }
    this.known = this.low <= this.high;
    if (this.high - this.low < 0.5) {
      const middle = this.known ? (this.low + this.high) / 2 : 0;
      this.low = middle - 0.5;
      this.high = middle + 0.5;
    }
  }
  index(value) {
    return scaleIndex(value > 0 ? (Math.log10(value) - this.low) / (this.high - this.low) : 0);
  }
  color(value) {
    return SCALE_CSS[this.index(value)];
  }
  isDark(value) {
    return this.index(value) < 150;
  }
}
