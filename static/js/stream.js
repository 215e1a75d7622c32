// A run that streams: how far it is, its pictures as they come, and a button that stops it.
export function offerRun(lab, form, { show, compute }) {
  const panel = lab.querySelector("[data-run]");
  if (!panel) return null;
  const [bar, says, stopper] = ["progress", "output", "[data-stop]"].map((part) => panel.querySelector(part));
  const output = lab.querySelector("[data-output]");
  let events, settle;

  function end(reason, text) {
    if (!events) return;
    events.close();
    events = undefined;
    stopper.hidden = true;
    output.ariaLive = "polite";
    if (text) says.textContent = text;
    settle(reason);
  }

  // Resolves to "finished", "time", "stopped" or "fault".
  function start() {
    stop();
    const query = new URLSearchParams(new FormData(form));
    const path = new URL(form.action).pathname;
    lab.turn = (lab.turn ?? 0) + 1; // what is still being computed for this page comes too late
    output.ariaBusy = "false";
    output.ariaLive = "off"; // a picture every second is not read out, its end is
    panel.hidden = stopper.hidden = false;
    bar.removeAttribute("value");
    says.textContent = "Starting.";
    if (!lab.dataset.lab) history.replaceState(null, "", `${path}?${query}`);
    events = new EventSource(`${path}/run?${query}`);
    const on = (name, react) => events.addEventListener(name, (event) => react(event.data && JSON.parse(event.data)));
    on("waiting", (data) => { says.textContent = data.says; });
    on("progress", (data) => {
      Object.assign(bar, { max: data.total, value: data.done });
      says.textContent = `Step ${data.done} of ${data.total}${data.says && `: ${data.says}`}`;
    });
    on("illustration", (data) => { swap(output, data.html); show(); });
    on("done", (data) => end(data.reason, data.says));
    on("fault", (data) => end("fault", data.detail));
    on("error", () => { // refused, or the connection is lost: beginning again by itself would lose what is shown
      const refused = bar.position < 0;
      end("fault", "The server does not answer. Train again in a moment.");
      if (refused) compute();
    });
    return new Promise((resolve) => { settle = resolve; });
  }

  function stop() {
    end("stopped", `Stopped${bar.position < 0 ? "" : ` at step ${bar.value} of ${bar.max}`}.`);
  }

  stopper.addEventListener("click", stop);
  addEventListener("pagehide", stop);
  form.addEventListener("change", stop); // the run was of other settings
  return { start, hide: () => { panel.hidden = true; } };
}

// New pictures take over the canvases of those before, so that they change and do not flash.
function swap(output, html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").body;
  const figures = fresh.querySelectorAll("[data-plot]");
  const before = output.querySelectorAll("[data-plot]");
  const open = output.querySelector("details")?.open;
  figures.forEach((figure, i) => {
    const canvas = before[i]?.querySelector(":scope > div");
    if (canvas) figure.append(canvas);
  });
  output.replaceChildren(...fresh.childNodes);
  if (open) output.querySelector("details").open = true;
}
