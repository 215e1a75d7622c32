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

function inOurColors(layout) {
  const steps = color("ramp").split(" ");
  const axis = (given = {}) => ({ ...given, color: color("ink-soft"), linecolor: color("line"), gridcolor: color("line"), automargin: true });
  return {
    ...layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.querySelector(".masthead")).fontFamily, size: 13, color: color("ink") },
    title: { ...layout.title, x: 0, xanchor: "left", font: { size: 15 } },
    margin: { l: 10, r: 10, t: 50, b: 10 },
    coloraxis: { ...layout.coloraxis, colorscale: steps.map((step, i) => [i / (steps.length - 1), step]) },
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
  await Plotly.react(canvas, data, inOurColors(layout), { responsive: true, displaylogo: false });
  figure.dataset.plot = "drawn";
}

export function drawAll(root) {
  for (const figure of root.querySelectorAll("[data-plot]")) draw(figure);
}

dark.addEventListener("change", () => drawAll(document));
