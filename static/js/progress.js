// Draws each figure of the progress page when it comes near the view; until then there is its sentence.
import { drawAll } from "./plot.js";

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    target.dataset.plot = "";
    drawAll(target.parentElement);
  }
}, { rootMargin: "300px" });

for (const figure of document.querySelectorAll("[data-figure]")) {
  figure.hidden = false;
  figure.previousElementSibling.hidden = true; // the figure draws its own title
  near.observe(figure);
}
