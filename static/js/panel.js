// One sentence's opened head: a cell is pointed at by mouse or arrow keys, and held by click or Enter.
import { arcAt, drawArcs, layArcs } from "./arcs.js";
import { cellAt, drawMap, lay } from "./heatmap.js";

let mapHadFocus = false; // before it was drawn anew

export function showPanel(explorer, data, panel, held, set) {
  const canvas = document.createElement("canvas");
  const figure = document.createElement("figure");
  const place = explorer.querySelector("[data-panels]");
  figure.append(canvas);
  place.append(figure);
  const arcs = data.view === "arcs";
  const room = Math.max(220, place.clientWidth / data.panels.length - 8);
  const layout = arcs ? layArcs(panel, room) : lay(panel, room);
  let pointed = held;
  const draw = () => (arcs ? drawArcs : drawMap)(canvas, panel, layout, data.colours, pointed);
  const point = (cell) => {
    pointed = cell ?? held;
    draw();
    if (pointed) explorer.querySelector("[data-pointed]").textContent = describe(panel, pointed);
  };
  const hold = () => {
    if (!pointed) return;
    const same = held && held.row === pointed.row && held.column === pointed.column;
    mapHadFocus = true;
    set({ query: same ? 0 : pointed.row + 1, key: same ? 0 : pointed.column + 1 });
  };
  canvas.tabIndex = 0;
  canvas.role = "img";
  canvas.ariaLabel = `${data.title}: ${layout.rows} by ${layout.columns} weights; the table below holds them`;
  canvas.addEventListener("pointermove", (event) => point((arcs ? arcAt : cellAt)(layout, event.offsetX, event.offsetY)));
  canvas.addEventListener("pointerleave", () => point(null));
  canvas.addEventListener("click", hold);
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.key === "Enter") hold();
    if (!step) return;
    event.preventDefault();
    const { row, column } = pointed ?? { row: 0, column: 0 };
    point({ row: clamp(row + step[0], layout.rows), column: clamp(column + step[1], layout.columns) });
  });
  point(null);
  if (held && mapHadFocus) canvas.focus();
}

const clamp = (value, count) => Math.min(Math.max(value, 0), count - 1);

function describe(panel, { row, column }) {
  const weight = panel.values[row * panel.asked.length + column];
  return `“${panel.asking[row]}” (${row + 1}) reads “${panel.asked[column]}” (${column + 1}): ${weight.toFixed(4)}`;
}
