// A picture of dots to draw, by pointer or by keyboard; it fills the text control that holds the dots.
import { cssColor, paint } from "./palette.js";

const SIDE = 8, INK = 16, HALO = 5; // the last is left beside a stroke, as by a pen
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const BLANK = "0".repeat(SIDE * SIDE);

export function offerPad(lab, form) {
  const pad = form.querySelector("[data-pad]");
  if (!pad) return;
  if (pad.hidden) prepare(lab, form, pad);
  pad.refresh();
}

function prepare(lab, form, pad) {
  const field = form.elements[pad.dataset.pad];
  const canvas = pad.querySelector("canvas");
  const said = pad.querySelector("output");
  let dots = [];
  let cursor = [0, 0];
  let erases = null; // while a pointer draws: whether it takes away

  const at = ([x, y]) => y * SIDE + x;
  const inside = ([x, y]) => x >= 0 && y >= 0 && x < SIDE && y < SIDE;

  pad.refresh = () => {
    if (erases !== null) return; // the answer to an earlier stroke must not undo this one
    const drawn = field.value || lab.querySelector("[data-drawn]")?.dataset.drawn || BLANK;
    dots = Array.from(drawn, (ink) => parseInt(ink, 17));
    show();
  };

  function show() {
    const context = canvas.getContext("2d");
    const size = canvas.width / SIDE;
    context.imageSmoothingEnabled = false;
    context.drawImage(paint(dots.map((dot) => dot / INK), SIDE, SIDE, "linear"), 0, 0, canvas.width, canvas.height);
    if (document.activeElement !== canvas) return;
    context.strokeStyle = cssColor("series-2");
    context.lineWidth = 2;
    context.strokeRect(cursor[0] * size + 1, cursor[1] * size + 1, size - 2, size - 2);
  }

  function touch(place, takesAway) {
    cursor = place;
    dots[at(place)] = takesAway ? 0 : INK;
    const beside = Object.values(MOVES).map(([x, y]) => [place[0] + x, place[1] + y]).filter(inside);
    if (!takesAway) for (const other of beside) dots[at(other)] = Math.max(dots[at(other)], HALO);
    show();
  }

  function commit(drawing = dots.map((dot) => dot.toString(17)).join("")) {
    field.value = drawing;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  const under = (event) => [event.offsetX, event.offsetY].map((offset) => Math.floor((offset / canvas.clientWidth) * SIDE));
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    erases = dots[at(under(event))] === INK;
    touch(under(event), erases);
  });
  canvas.addEventListener("pointermove", (event) => { if (erases !== null && inside(under(event))) touch(under(event), erases); });
  canvas.addEventListener("lostpointercapture", () => { erases = null; commit(); });
  canvas.addEventListener("keydown", (event) => {
    const [x, y] = MOVES[event.key] ?? [0, 0];
    if (!MOVES[event.key] && event.key !== " ") return;
    event.preventDefault();
    if (inside([cursor[0] + x, cursor[1] + y])) cursor = [cursor[0] + x, cursor[1] + y];
    if (event.key === " ") { touch(cursor, dots[at(cursor)] === INK); commit(); }
    said.textContent = `row ${cursor[1] + 1}, column ${cursor[0] + 1}: ${dots[at(cursor)]} of ${INK}`;
    show();
  });
  for (const name of ["focus", "blur"]) canvas.addEventListener(name, show);
  pad.querySelector("button").addEventListener("click", () => commit(BLANK));
  form.elements.picture?.addEventListener("change", () => { field.value = ""; });
  field.closest("label").hidden = true;
  pad.hidden = false;
}
