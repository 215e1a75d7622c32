// Weights as they come from the server, and the page's ramp of colours for them.
const LOWEST = 1e-4; // of the logarithmic scale

export function unpack(text, steps) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const numbers = steps > 255 ? new Uint16Array(bytes.buffer) : bytes;
  return Float32Array.from(numbers, (number) => number / steps);
}

export const place = (weight, colours) =>
  colours === "log" ? Math.max(0, 1 - Math.log10(Math.max(weight, LOWEST)) / Math.log10(LOWEST)) : weight;

export const cssColor = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// 256 colours along the ramp, as [r, g, b].
export function ramp() {
  const steps = cssColor("ramp").split(" ").map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  return Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (steps.length - 1);
    const low = Math.min(Math.floor(at), steps.length - 2);
    return steps[low].map((value, channel) => Math.round(value + (steps[low + 1][channel] - value) * (at - low)));
  });
}

// A picture of rows x columns pixels, one for each weight.
export function paint(weights, rows, columns, colours, colors = ramp()) {
  const picture = new ImageData(columns, rows);
  weights.forEach((weight, i) => {
    picture.data.set([...colors[Math.round(255 * place(weight, colours))], 255], 4 * i);
  });
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}
