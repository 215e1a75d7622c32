// Upgrades what the page holds; every page works without it.
import { keepDraft, forgetDraft } from "./draft.js";
import { listenForKeys } from "./keys.js";
import { showTime } from "./clock.js";
import { keepStar } from "./star.js";
import { linkQuotes } from "./quotes.js";

for (const form of document.querySelectorAll("[data-draft]")) keepDraft(form);
for (const answer of document.querySelectorAll("[data-answered]")) forgetDraft(answer);
for (const place of document.querySelectorAll("[data-clock], [data-spent]")) showTime(place);
for (const form of document.querySelectorAll("[data-star]")) keepStar(form);
for (const [selector, module, upgrade] of [
  ["[data-saved]", "./saved.js", "keepSaved"],
  ["[data-talk]", "./talk.js", "giveTalk"],
  ["[data-dictate]", "./dictate.js", "offerDictation"],
]) {
  for (const element of document.querySelectorAll(selector)) import(module).then((found) => found[upgrade](element), () => {});
}
for (const lab of document.querySelectorAll("[data-lab]")) {
  import("./lab.js").then(({ showLab }) => showLab(lab), () => {}); // without it, the link that stands there still works
}
for (const time of document.querySelectorAll("time")) {
  time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
for (const form of document.querySelectorAll("[data-filters]")) {
  form.addEventListener("change", () => form.requestSubmit());
}
document.cookie = `zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}; path=/; max-age=31536000; samesite=lax`;
linkQuotes();
listenForKeys();
