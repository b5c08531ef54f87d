// Measures of the picture in pixels at zoom 1: boxes, distances, letters. The folded view has room for charts in its
// boxes.

const letters = (...fonts) => fonts.map((font) => `${font} ${FONT}`);
const MEASURES = {
  // of ops, of cells, of ops in the folded view, of cells in it
  width: [96, 116, 118, 150],
  height: [36, 62, 60, 92],
  pitch: [64, 112, 92, 150], // from row to row
  gap: [16, 16, 20, 26], // between boxes of a row
  between: [60, 70, 70, 90], // steps
  fold: [110, 128, 0, 0],
  font: letters("500 13px", "600 20px", "600 14px", "600 22px"),
  letter: [8, 12.5, 9.3, 13], // its width
  labelAt: [-6, -12, -18, -27],
  small: letters("10.5px", "11.5px", "11px", "12px"),
  smallAt: [9, 9, -3, -5],
  near: [0.42, 0.27, 0.4, 0.25], // zoom from which letters can be read
  mark: [15, 17, 16, 18], // a parameter's
  markFont: letters("700 9.5px", "700 10.5px", "700 10px", "700 11px"),
};
const GEOMETRY = Object.fromEntries(
  ["ops", "cells", "foldedOps", "foldedCells"].map((kind, k) => [
    kind,
    Object.fromEntries(Object.entries(MEASURES).map(([name, values]) => [name, values[k]])),
  ]),
);
