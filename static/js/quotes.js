// A key point and the sentence it rests on light up together, whichever is pointed at.
export function linkQuotes() {
  const linked = document.querySelectorAll("[data-quote], [data-point]");
  for (const element of linked) {
    const id = element.dataset.quote ?? element.dataset.point;
    const light = (on) => {
      for (const other of linked) {
        if ((other.dataset.quote ?? other.dataset.point) === id) other.classList.toggle("lit", on);
      }
    };
    element.addEventListener("mouseenter", () => light(true));
    element.addEventListener("mouseleave", () => light(false));
    element.addEventListener("focusin", () => light(true));
    element.addEventListener("focusout", () => light(false));
    if (element.dataset.quote) element.addEventListener("click", (event) => show(event, id));
  }
}

// A click on a sentence leads to its point; marking it with the mouse, to copy it, does not.
function show(event, id) {
  event.stopPropagation(); // of sentences within each other, the innermost
  if (getSelection().isCollapsed) location.hash = `point-${id}`;
}
