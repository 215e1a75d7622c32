// Draws figures with Plotly.js, which is loaded when the first one is there, in the page's own colours.
const source = document.querySelector("script[data-plotly]").dataset.plotly;
const dark = matchMedia("(prefers-color-scheme: dark)");
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

const BAR_ABOVE = { orientation: "h", x: 0, xanchor: "left", y: 1, yanchor: "bottom", len: 0.8 };
const NARROW = 560; // px: below, the scale lies under the title and cells hold no numbers

function fitting(data, width) {
  return width < NARROW ? data.map((trace) => ({ ...trace, texttemplate: undefined })) : data;
}

function inOurColors(layout, width) {
  const steps = color("ramp").split(" ");
  const axis = (given = {}) => ({ ...given, color: color("ink-soft"), linecolor: color("line"), gridcolor: color("line"), automargin: true });
  return {
    ...layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.querySelector(".masthead")).fontFamily, size: 13, color: color("ink") },
    title: { ...layout.title, x: 0, xanchor: "left", font: { size: 15 } },
    margin: { l: 10, r: 10, t: width < NARROW ? 110 : 50, b: 10 },
    coloraxis: {
      ...layout.coloraxis,
      colorscale: steps.map((step, i) => [i / (steps.length - 1), step]),
      colorbar: { ...layout.coloraxis?.colorbar, ...(width < NARROW && BAR_ABOVE) },
    },
    hoverlabel: { bgcolor: color("paper"), bordercolor: color("line"), font: { color: color("ink") } },
    xaxis: axis(layout.xaxis),
    yaxis: axis(layout.yaxis),
  };
}

async function draw(figure) {
  const Plotly = await load();
  const { data, layout } = JSON.parse(figure.querySelector("script").textContent);
  let canvas = figure.querySelector("div");
  if (!canvas) figure.append(canvas = document.createElement("div"));
  const width = canvas.clientWidth;
  await Plotly.react(canvas, fitting(data, width), inOurColors(layout, width), { responsive: true, displaylogo: false });
  figure.dataset.plot = "drawn";
}

export function drawAll(root) {
  for (const figure of root.querySelectorAll("[data-plot]")) draw(figure);
}

dark.addEventListener("change", () => drawAll(document));
