// The same weights as arcs: the tokens that ask on the left, those that are read on the right.
import { cssColor, place } from "./palette.js";
import { sharpen } from "./heatmap.js";

const FAINTEST = 0.02; // weights below are not drawn, so that a long text stays legible
const LINE = 18; // px from token to token

export function layArcs(panel, room) {
  const width = Math.min(room, 560);
  const rows = panel.asking.length;
  const columns = panel.asked.length;
  return { rows, columns, width, height: LINE * Math.max(rows, columns) + 8, left: 0.32 * width, right: 0.68 * width };
}

export function drawArcs(canvas, panel, layout, colours, pointed) {
  const { rows, columns, width, height, left, right } = layout;
  const pen = sharpen(canvas, width, height);
  const middle = (i) => (i + 0.5) * LINE + 4;
  pen.font = "13px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.strokeStyle = cssColor("accent");
  for (let row = 0; row < rows; row++) {
    if (pointed && pointed.row !== row) continue;
    for (let column = 0; column < columns; column++) {
      const weight = panel.values[row * columns + column];
      if (weight < FAINTEST) continue;
      pen.globalAlpha = place(weight, colours);
      pen.lineWidth = 1 + 3 * weight;
      pen.beginPath();
      pen.moveTo(left + 6, middle(row));
      pen.bezierCurveTo((left + right) / 2, middle(row), (left + right) / 2, middle(column), right - 6, middle(column));
      pen.stroke();
    }
  }
  pen.globalAlpha = 1;
  const write = (tokens, x, align, chosen) => tokens.forEach((token, i) => {
    pen.textAlign = align;
    pen.fillStyle = cssColor(i === chosen ? "accent" : "ink");
    pen.fillText(token, x, middle(i), 0.3 * width);
  });
  write(panel.asking, left, "right", pointed?.row);
  write(panel.asked, right, "left", pointed?.column);
}

export function arcAt({ rows, columns, left }, x, y) {
  const line = Math.floor((y - 4) / LINE);
  if (line < 0 || line >= (x < left + 40 ? rows : columns)) return null;
  return x < left + 40 ? { row: line, column: 0 } : null;
}
