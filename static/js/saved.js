// A form saved as it is typed: every field, half a second after the last key.
const DELAY = 500;
const RETRY = 3000;

export function keepSaved(form) {
  const status = form.querySelector("output");
  let timer;
  let saving = false;
  let changed = false;

  const later = (delay) => { clearTimeout(timer); timer = setTimeout(save, delay); };
  const fields = () => ({ ...Object.fromEntries(new FormData(form)), revision: Number(form.elements.revision.value) });

  async function save() {
    if (saving || !changed) return;
    saving = true;
    changed = false;
    try {
      const response = await fetch(form.dataset.saved, {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(fields()),
      });
      const body = await response.json();
      if (response.ok) {
        form.elements.revision.value = body.revision;
        status.textContent = "Saved";
      } else status.textContent = body.detail;
    } catch {
      changed = true;
      status.textContent = "The server does not answer; trying again";
      later(RETRY);
    } finally {
      saving = false;
      if (changed) later(DELAY);
    }
  }

  form.addEventListener("input", () => { changed = true; status.textContent = ""; later(DELAY); });
  form.addEventListener("submit", () => { changed = false; clearTimeout(timer); });
  document.addEventListener("visibilitychange", () => { if (document.hidden) save(); });
  addEventListener("beforeunload", (event) => { if (changed || saving) event.preventDefault(); });
}
