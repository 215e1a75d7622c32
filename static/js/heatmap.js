// A heat map of one head on a canvas: a row for each token that asks, a column for each that is read.
import { cssColor, paint, place } from "./palette.js";

const FONT = "12px system-ui, sans-serif";
const LABELLED = 11; // px: cells at least so large have a label each
const NUMBERED = 34; // px: cells at least so large hold their number

export function lay(panel, room) {
  const [rows, columns] = [panel.asking.length, panel.asked.length];
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = FONT;
  const longest = (tokens) => Math.ceil(Math.min(110, Math.max(...tokens.map((token) => pen.measureText(token).width))));
  const left = longest(panel.asking) + 10;
  const top = longest(panel.asked) + 10;
  const size = Math.max(3, Math.min(40, Math.floor((room - left - 8) / columns)));
  return { rows, columns, left, top, size, width: left + columns * size + 8, height: top + rows * size + 4 };
}

export function drawMap(canvas, panel, layout, colours, pointed) {
  const { rows, columns, left, top, size, width, height } = layout;
  const pen = sharpen(canvas, width, height);
  panel.picture ??= paint(panel.values, rows, columns, colours);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(panel.picture, left, top, columns * size, rows * size);
  pen.font = FONT;
  if (size >= NUMBERED) drawNumbers(pen, panel, layout, colours);
  const labels = (tokens, chosen, draw) => tokens.forEach((token, i) => {
    if (size < LABELLED && i !== chosen) return;
    pen.fillStyle = cssColor(i === chosen ? "accent" : "ink-soft");
    pen.font = i === chosen ? `600 ${FONT}` : FONT;
    draw(token, i);
  });
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  labels(panel.asking, pointed?.row, (token, i) => pen.fillText(token, left - 6, top + (i + 0.5) * size, left - 8));
  pen.textAlign = "left";
  labels(panel.asked, pointed?.column, (token, i) => {
    pen.save();
    pen.translate(left + (i + 0.5) * size, top - 6);
    pen.rotate(-Math.PI / 2);
    pen.fillText(token, 0, 0, top - 8);
    pen.restore();
  });
  if (pointed) {
    pen.strokeStyle = cssColor("accent");
    pen.strokeRect(left, top + pointed.row * size, columns * size, size);
    pen.strokeRect(left + pointed.column * size, top, size, rows * size);
  }
}

function drawNumbers(pen, panel, { rows, columns, left, top, size }, colours) {
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const weight = panel.values[row * columns + column];
      pen.fillStyle = cssColor(place(weight, colours) > 0.55 ? "paper" : "ink");
      pen.fillText(weight.toFixed(2), left + (column + 0.5) * size, top + (row + 0.5) * size);
    }
  }
}

// As many pixels as the screen has, so that text is sharp; sizes stay in CSS pixels.
export function sharpen(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return pen;
}

export function cellAt({ rows, columns, left, top, size }, x, y) {
  const [row, column] = [Math.floor((y - top) / size), Math.floor((x - left) / size)];
  return row >= 0 && row < rows && column >= 0 && column < columns ? { row, column } : null;
}
