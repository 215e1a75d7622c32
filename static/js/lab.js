// A lab inside a page: fetched where it is only linked, computed again whenever a control turns.
import { explore } from "./explorer.js";
import { offerPad } from "./pad.js";
import { tellWait } from "./line.js";
import { offerPlayer } from "./player.js";
import { drawAll, save } from "./plot.js";
import { askFirst } from "./predict.js";
import { offerRun } from "./stream.js";
import { saveMap } from "./vector.js";

export async function showLab(lab) {
  if (lab.dataset.lab) {
    const fragment = await load(lab.dataset.lab);
    if (!fragment) return; // the link that stands there still works
    lab.replaceChildren(...fragment.body.childNodes);
  }
  const form = lab.querySelector("form");
  const run = () => compute(lab, form);
  const stream = offerRun(lab, form, { show: () => show(lab, form), compute: run });
  askFirst(lab, form, () => show(lab, form), stream?.start);
  offerPlayer(lab, form);
  lab.addEventListener("click", (event) => {
    if (event.target.closest("[data-export]") && event.target.value) {
      const name = new URL(form.action).pathname.split("/").pop();
      for (const figure of lab.querySelectorAll("[data-plot]")) save(figure, event.target.value, name);
      if (lab.querySelector("[data-explorer]")) saveMap(lab, event.target.value, name);
    }
  });
  form.addEventListener("change", () => { stream?.hide(); run(); });
  form.addEventListener("submit", (event) => { event.preventDefault(); (stream?.start ?? run)(); });
  if (lab.querySelector("[data-waits]")) run();
}

async function compute(lab, form) {
  const output = lab.querySelector("[data-output]");
  const address = `${new URL(form.action).pathname}?${new URLSearchParams(new FormData(form))}`;
  const turn = (lab.turn = (lab.turn ?? 0) + 1);
  output.ariaBusy = "true";
  lab.given?.abort(); // what is overtaken need not be computed
  lab.given = new AbortController();
  const name = crypto.randomUUID?.() ?? String(Math.random()); // the former only where the connection is safe;
  const answer = load(address, { name, signal: lab.given.signal });
  tellWait(output, name, answer);
  const fragment = await answer;
  if (turn !== lab.turn) return; // a later turn of a control has overtaken this one
  output.ariaBusy = "false";
  if (!fragment) {
    output.textContent = "The server does not answer. Your settings are still here: run again in a moment.";
    return;
  }
  const computed = fragment.querySelector("[data-output]");
  output.replaceChildren(...computed.childNodes);
  show(lab, form);
  if (!lab.dataset.lab) history.replaceState(null, "", computed.dataset.here);
}

function show(lab, form) {
  drawAll(lab);
  explore(lab, form);
  offerPad(lab, form);
  for (const buttons of lab.querySelectorAll("[data-export]")) buttons.hidden = false;
}

async function load(address, { name, signal } = {}) {
  try {
    const response = await fetch(address, { headers: { Fragment: "lab", ...(name && { Run: name }) }, signal });
    return new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return null;
  }
}
