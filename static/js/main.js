// Upgrades what the page holds; every page works without it.
import { keepDraft, forgetDraft } from "./draft.js";
import { listenForKeys } from "./keys.js";

for (const form of document.querySelectorAll("[data-draft]")) keepDraft(form);
for (const answer of document.querySelectorAll("[data-answered]")) forgetDraft(answer);
for (const lab of document.querySelectorAll("[data-lab]")) {
  import("./lab.js").then(({ showLab }) => showLab(lab), () => {}); // without it, the link that stands there still works
}
for (const time of document.querySelectorAll("time")) {
  time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
for (const form of document.querySelectorAll("[data-filters]")) {
  form.addEventListener("change", () => form.requestSubmit());
}
listenForKeys();
