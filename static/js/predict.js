// Asks what the reader expects before the picture is drawn; skipping is always possible. Where the
// lab streams, `train` is its run, and what became of the prediction is told at its end.
export function askFirst(lab, controls, draw, train) {
  const form = lab.querySelector("[data-predict]");
  if (!form) return draw();
  const output = lab.querySelector("[data-output]");
  const show = () => { output.hidden = false; draw(); };
  form.hidden = false;
  output.hidden = true;
  form.querySelector("[data-skip]").addEventListener("click", () => { form.hidden = true; show(); });
  // Whoever turns a control wants to see: the question was for the run that stood there first.
  controls.addEventListener("change", () => { if (output.hidden) { form.hidden = true; show(); } });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const choice = Number(new FormData(form).get("choice"));
    const params = Object.fromEntries(new FormData(controls));
    form.querySelector("fieldset").disabled = true;
    form.querySelector(".actions").hidden = true;
    show();
    const answer = form.querySelector("output");
    if (train && (await train()) !== "finished") {
      answer.textContent = "The run did not come to its end; your prediction is not kept.";
      return;
    }
    answer.textContent = await tell(form.dataset.predict, { choice, params });
  });
}

async function tell(name, prediction) {
  try {
    const response = await fetch(`/api/labs/${name}/predictions`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(prediction),
    });
    const body = await response.json();
    if (!response.ok) return body.detail;
    return body.right ? "As you expected." : `It came out otherwise: ${body.says}`;
  } catch {
    return "The server does not answer; your prediction is not kept.";
  }
}
