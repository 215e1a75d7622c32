// A star is put and taken without leaving the page, so that nothing typed is disturbed.
export function keepStar(form) {
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const on = button.getAttribute("aria-pressed") === "true";
    const response = await fetch(form.dataset.star, { method: on ? "DELETE" : "PUT" }).catch(() => null);
    if (response?.ok) {
      button.setAttribute("aria-pressed", String(!on));
      button.textContent = on ? "☆ Star" : "★ Starred";
    }
  });
}
