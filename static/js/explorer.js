// The attention explorer: small maps of all heads, one opened large, a cell followed and held.
import { paint, ramp, unpack } from "./palette.js";
import { showPanel } from "./panel.js";

let chosen = ""; // the head whose button had the focus before all was drawn anew

export function explore(root, form) {
  const explorer = root.querySelector("[data-explorer]");
  if (!explorer) return;
  const data = JSON.parse(explorer.querySelector("script").textContent);
  const set = (values) => {
    for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
    form.dispatchEvent(new Event("change"));
  };
  for (const panel of data.panels) panel.values = unpack(panel.weights, 65535);
  showHeads(explorer.querySelector("[data-heads]"), data, set);
  showLegend(explorer.querySelector("[data-legend]"), data.colours);
  const { query, key } = form.elements;
  const held = Number(query.value) && Number(key.value) ? { row: query.value - 1, column: key.value - 1 } : null;
  for (const panel of data.panels) {
    const first = panel === data.panels[0]; // cells of the first alone can be held
    showPanel(explorer, data, panel, first ? held : null, first ? set : () => {});
  }
  chosen = "";
  explorer.dataset.explorer = "drawn";
}

function showHeads(place, data, set) {
  const [panel] = data.panels;
  const [rows, columns] = [panel.small_rows, panel.small_columns];
  const weights = unpack(panel.small, 255);
  const colors = ramp();
  for (let i = 0; i < data.layers * data.heads; i++) {
    const [layer, head] = [Math.floor(i / data.heads) + 1, (i % data.heads) + 1];
    if (head === 1) place.append(label(`layer ${layer}`));
    const button = document.createElement("button");
    button.type = "button";
    button.ariaLabel = button.title = `Layer ${layer}, head ${head}`;
    button.ariaPressed = String(layer === data.layer && (head === data.head || data.head === 0));
    button.append(paint(weights.subarray(i * rows * columns, (i + 1) * rows * columns), rows, columns, data.colours, colors));
    button.addEventListener("click", () => { chosen = `${layer} ${head}`; set({ layer, head, query: 0, key: 0 }); });
    place.append(button);
    if (chosen === `${layer} ${head}`) button.focus();
  }
}

function label(text) {
  const span = document.createElement("span");
  span.textContent = text;
  return span;
}

function showLegend(place, colours) {
  const bar = paint(Float32Array.from({ length: 64 }, (_, i) => i / 63), 1, 64, "linear");
  place.append(colours === "log" ? "0.0001 " : "0 ", bar, colours === "log" ? " 1 (logarithmic)" : " 1 (linear)");
}

