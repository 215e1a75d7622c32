// Keeps what is typed: at once in this browser, half a second later in the database.
// The browser's copy bridges a reload within that time and a server that is down.
import { clock } from "./clock.js";

const DELAY = 500; // ms after the last key
const RETRY = 3000; // ms after a failed save

const keyOf = (slug) => `attend:draft:${slug}`;
const recall = (slug) => JSON.parse(localStorage.getItem(keyOf(slug)) ?? "null");

export function keepDraft(form) {
  const slug = form.dataset.draft;
  const box = form.querySelector("textarea");
  const status = form.querySelector("output");
  const restore = form.querySelector("[data-restore]");
  const spent = clock(Number(form.dataset.seconds ?? 0));
  let revision = Number(form.dataset.revision);
  let saved = form.dataset.refused === "yes" ? null : box.value;
  let timer;
  let saving = false;
  let leaving = false;

  const remember = () => localStorage.setItem(keyOf(slug), JSON.stringify({ text: box.value, revision }));
  const say = (text) => { status.textContent = text; };
  const later = (delay) => { clearTimeout(timer); timer = setTimeout(save, delay); };

  async function save() {
    if (saving || leaving || box.value === saved) return;
    const text = box.value;
    saving = true;
    try {
      const response = await fetch(form.dataset.at, {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ text, revision, seconds: Math.min(86400, spent()) }),
      });
      const body = await response.json();
      if (response.ok) {
        ({ revision } = body);
        form.elements.revision.value = revision;
        saved = text;
        remember();
        say(count("Saved"));
        if (box.value !== text) later(DELAY);
      } else say(body.detail);
    } catch {
      say(count("Kept in this browser; the server does not answer"));
      later(RETRY);
    } finally {
      saving = false;
    }
  }

  function count(text) {
    const limit = Number(status.dataset.limit);
    const over = box.value.length - limit;
    return over > 0 ? `${text}. ${over.toLocaleString()} characters over the limit of ${limit.toLocaleString()}` : text;
  }

  function put(text) {
    box.value = text;
    box.setSelectionRange(text.length, text.length);
    remember();
    later(0);
  }

  box.addEventListener("input", () => { remember(); say(""); later(DELAY); });
  document.addEventListener("visibilitychange", () => { if (document.hidden) save(); });
  form.addEventListener("submit", () => {
    leaving = true;
    clearTimeout(timer);
    form.elements.seconds.value = Math.min(86400, spent());
  });
  addEventListener("pageshow", () => { leaving = false; });

  const kept = recall(slug);
  box.setSelectionRange(box.value.length, box.value.length); // go on where one stopped
  if (kept && kept.text !== box.value && saved !== null) {
    if (kept.revision === revision) put(kept.text);
    else if (kept.text.trim()) {
      restore.hidden = false;
      restore.addEventListener("click", () => { put(kept.text); restore.hidden = true; });
    }
  }
}

// The answer is in the database: the browser's copy of it has done its work.
export function forgetDraft(answer) {
  const kept = recall(answer.dataset.answered);
  if (kept && kept.text.trim() === answer.textContent.trim()) localStorage.removeItem(keyOf(answer.dataset.answered));
}
