// The opened head as a file: PNG from its canvas, SVG drawn from the weights themselves.
import { cssColor, place, ramp, unpack } from "./palette.js";

const SIZE = 20; // px a cell
const NAMES = 120; // px for the tokens' names

export function saveMap(lab, format, name) {
  if (format === "png") lab.querySelector("[data-panels] canvas").toBlob((blob) => offer(blob, `${name}.png`));
  else offer(new Blob([drawing(lab)], { type: "image/svg+xml" }), `${name}.svg`);
}

function drawing(lab) {
  const data = JSON.parse(lab.querySelector("[data-explorer] script").textContent);
  const [panel] = data.panels;
  const colors = ramp();
  const columns = panel.asked.length;
  const cells = Array.from(unpack(panel.weights, 65535), (weight, i) => {
    const [x, y] = [NAMES + (i % columns) * SIZE, NAMES + Math.floor(i / columns) * SIZE];
    const fill = `rgb(${colors[Math.round(255 * place(weight, data.colours))]})`;
    return `<rect x="${x}" y="${y}" width="${SIZE}" height="${SIZE}" fill="${fill}"><title>${weight.toFixed(4)}</title></rect>`;
  });
  const middle = (i) => NAMES + (i + 0.7) * SIZE;
  const asking = panel.asking.map((token, i) => `<text x="${NAMES - 6}" y="${middle(i)}" text-anchor="end">${escaped(token)}</text>`);
  const asked = panel.asked.map((token, i) => `<text transform="translate(${middle(i)} ${NAMES - 6}) rotate(-90)">${escaped(token)}</text>`);
  const [width, height] = [NAMES + columns * SIZE + 8, NAMES + panel.asking.length * SIZE + 8];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="13" fill="${cssColor("ink")}">
<rect width="100%" height="100%" fill="${cssColor("paper")}"/><title>${escaped(data.title)}</title>
${[...cells, ...asking, ...asked].join("\n")}
</svg>`;
}

const escaped = (text) => text.replace(/[&<>]/g, (letter) => `&#${letter.charCodeAt(0)};`);

function offer(blob, filename) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = filename;
  link.click();
  URL.revokeObjectURL(link.href);
}
