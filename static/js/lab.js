// A lab inside a page: fetched where it is only linked, computed again whenever a control turns.
import { explore } from "./explorer.js";
import { offerPad } from "./pad.js";
import { offerPlayer } from "./player.js";
import { drawAll, save } from "./plot.js";
import { askFirst } from "./predict.js";
import { saveMap } from "./vector.js";

export async function showLab(lab) {
  if (lab.dataset.lab) {
    const fragment = await load(lab.dataset.lab);
    if (!fragment) return; // the link that stands there still works
    lab.replaceChildren(...fragment.body.childNodes);
  }
  const form = lab.querySelector("form");
  askFirst(lab, form, () => show(lab, form));
  offerPlayer(lab, form);
  lab.addEventListener("click", (event) => {
    if (event.target.closest("[data-export]") && event.target.value) {
      const name = new URL(form.action).pathname.split("/").pop();
      for (const figure of lab.querySelectorAll("[data-plot]")) save(figure, event.target.value, name);
      if (lab.querySelector("[data-explorer]")) saveMap(lab, event.target.value, name);
    }
  });
  const run = () => compute(lab, form);
  form.addEventListener("change", run);
  form.addEventListener("submit", (event) => { event.preventDefault(); run(); });
}

async function compute(lab, form) {
  const output = lab.querySelector("[data-output]");
  const address = `${new URL(form.action).pathname}?${new URLSearchParams(new FormData(form))}`;
  const turn = (lab.turn = (lab.turn ?? 0) + 1);
  output.ariaBusy = "true";
  const fragment = await load(address);
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

async function load(address) {
  try {
    const response = await fetch(address, { headers: { Fragment: "lab" } });
    return new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return null;
  }
}
