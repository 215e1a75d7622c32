// A talk against the clock: one section after another, each with its own countdown.
import { clock, shown } from "./clock.js";

export function giveTalk(talk) {
  const sections = [...talk.querySelectorAll("li")];
  const next = talk.querySelector("[data-talk-next]");
  const face = talk.querySelector("[data-talk-clock]");
  const notes = talk.querySelector("[data-talk-notes]");
  const paces = talk.dataset.paces ? talk.dataset.paces.split(",").map(Number) : [];
  let spent = null;

  const begin = () => { spent = clock(); show(); };
  function show() {
    const at = paces.length;
    sections.forEach((section, index) => {
      section.toggleAttribute("data-now", spent !== null && index === at);
      section.toggleAttribute("data-said", index < at);
    });
    next.textContent = at >= sections.length ? "Said" : spent ? "Next section" : at ? "Go on" : "Begin";
    next.disabled = at >= sections.length;
    face.textContent = at >= sections.length ? `${shown(paces.reduce((sum, pace) => sum + pace, 0))} in all. Now the rubric.` : "";
    tell();
  }
  function tell() {
    if (!spent || paces.length >= sections.length) return;
    const left = Math.round(60 * Number(sections[paces.length].dataset.minutes)) - spent();
    face.textContent = left >= 0 ? `${shown(left)} left` : `${shown(-left)} over`;
    face.classList.toggle("over", left < 0);
  }
  function said() {
    paces.push(spent());
    spent = paces.length < sections.length ? clock() : null;
    fetch(talk.dataset.talk, {
      method: "PUT",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ paces }),
    }).catch(() => {}); // the next section sends them all again
    show();
  }

  next.addEventListener("click", () => (spent ? said() : begin()));
  notes.addEventListener("click", () => {
    const open = notes.getAttribute("aria-pressed") !== "true";
    notes.setAttribute("aria-pressed", String(open));
    notes.textContent = open ? "Hide notes" : "Show notes";
    for (const detail of talk.querySelectorAll("details")) detail.open = open;
  });
  talk.querySelector("[data-talk-controls]").hidden = false;
  show();
  setInterval(tell, 250);
}
