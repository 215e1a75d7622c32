// Draws figures with Plotly.js, which is loaded when the first one is there, in the page's own colours.
// A figure names its colours as var(--name); a colour axis takes a ramp, a diverging one if it has a cmid.
const source = document.querySelector("script[data-plotly]").dataset.plotly;
const dark = matchMedia("(prefers-color-scheme: dark)");
const NARROW = 560; // px: below, the scale lies under the title and cells hold no numbers
const BAR_ABOVE = { orientation: "h", x: 0, xanchor: "left", y: 1, yanchor: "bottom", len: 0.8 };
let plotly;

function load() {
  plotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = () => resolve(globalThis.Plotly);
    script.onerror = reject;
    document.head.append(script);
  });
  return plotly;
}

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const named = (text) => text.replace(/var\(--([\w-]+)\)/g, (_, name) => color(name));

function fitting(data, width) {
  return width < NARROW ? data.map((trace) => ({ ...trace, texttemplate: undefined })) : data;
}

function inOurColors(layout, width) {
  const scale = (axis) => {
    const steps = color("cmid" in axis ? "ramp-diverging" : "ramp").split(" ");
    const colorbar = { thickness: 12, ...axis.colorbar, ...(width < NARROW && BAR_ABOVE) };
    return { ...axis, colorbar, colorscale: steps.map((step, i) => [i / (steps.length - 1), step]) };
  };
  const axis = (given) => ({ ...given, color: color("ink-soft"), linecolor: color("line"), gridcolor: color("line"), zerolinecolor: color("line"), automargin: true });
  const ours = {
    ...layout,
    colorway: [1, 2, 3, 4, 5].map((i) => color(`series-${i}`)),
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.querySelector(".masthead")).fontFamily, size: 13, color: color("ink") },
    title: { ...layout.title, x: 0, xanchor: "left", font: { size: 15 } },
    margin: { l: 10, r: 10, t: width < NARROW && layout.coloraxis ? 110 : 50, b: 10, ...layout.margin },
    hoverlabel: { bgcolor: color("paper"), bordercolor: color("line"), font: { color: color("ink") } },
    xaxis: layout.xaxis ?? {},
    yaxis: layout.yaxis ?? {},
  };
  for (const key of Object.keys(ours)) {
    if (/^[xy]axis\d*$/.test(key)) ours[key] = axis(ours[key]);
    if (/^coloraxis\d*$/.test(key)) ours[key] = scale(ours[key]);
  }
  return ours;
}

async function draw(figure) {
  const Plotly = await load();
  const { data, layout } = JSON.parse(named(figure.querySelector("script").textContent));
  let canvas = figure.querySelector("div");
  if (!canvas) figure.append(canvas = document.createElement("div"));
  const width = canvas.clientWidth;
  const options = { responsive: true, displayModeBar: false }; // saving has its own buttons
  await Plotly.react(canvas, fitting(data, width), inOurColors(layout, width), options);
  figure.dataset.plot = "drawn";
}

export function drawAll(root) {
  for (const figure of root.querySelectorAll("[data-plot]")) draw(figure);
}

// Saves a drawn figure as "svg" or "png".
export async function save(figure, format, filename) {
  const Plotly = await load();
  const canvas = figure.querySelector("div");
  await Plotly.downloadImage(canvas, { format, filename, width: canvas.clientWidth, height: canvas.clientHeight });
}

dark.addEventListener("change", () => drawAll(document));
