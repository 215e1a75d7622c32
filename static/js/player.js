// Walks a control of a lab through its steps, 0 being all of them: play, pause, back, forward.
const PACE = 1200; // ms a step

export function offerPlayer(lab, form) {
  const player = form.querySelector("[data-player]");
  if (!player) return;
  const control = form.elements[player.dataset.player];
  const output = lab.querySelector("[data-output]");
  const play = player.querySelector("[value=play]");
  const count = () => Number(output.querySelector("[data-steps]")?.dataset.steps ?? control.max);
  const at = () => Math.min(Number(control.value), count());
  let timer;

  function go(step) {
    control.value = Math.min(Math.max(step, 1), count());
    control.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function pause() {
    clearInterval(timer);
    timer = undefined;
    play.textContent = "Play";
  }

  function advance() {
    if (output.ariaBusy === "true") return; // wait for the picture of the step before
    go(at() + 1);
    if (at() >= count()) pause();
  }

  function start() {
    timer = setInterval(advance, PACE);
    play.textContent = "Pause";
    go(at() < count() ? at() + 1 : 1);
  }

  const turn = {
    play: () => (timer ? pause() : start()),
    back: () => { pause(); go((at() || count()) - 1); },
    forward: () => { pause(); go(at() + 1); },
  };
  player.addEventListener("click", (event) => turn[event.target.value]?.());
  player.addEventListener("keydown", (event) => {
    const name = { ArrowLeft: "back", ArrowRight: "forward" }[event.key];
    if (!name) return;
    event.preventDefault();
    turn[name]();
  });
  form.addEventListener("change", (event) => { if (event.isTrusted) pause(); });
  new MutationObserver(() => keepInView(output, at() / count()))
    .observe(output, { subtree: true, attributeFilter: ["data-plot"] });
  player.hidden = false;
}

// A picture wider than its page is scrolled to the step that it shows.
function keepInView(output, share) {
  for (const figure of output.querySelectorAll("[data-plot=drawn]")) {
    figure.scrollLeft = share * figure.scrollWidth - 0.7 * figure.clientWidth;
  }
}
