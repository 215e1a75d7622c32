// The keyboard: Ctrl or Cmd with Enter submits; single letters follow what is marked data-key.
export function listenForKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
    else if (event.key === "Escape" && isTyping(event.target)) event.target.blur(); // the letters are keys again
    else if (!event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target)) follow(event);
  });
}

function submit(event) {
  const form = event.target.closest("form") ?? document.querySelector("[data-draft], [data-submit-on-shortcut]");
  if (!form) return;
  event.preventDefault();
  form.requestSubmit();
}

function follow(event) {
  if (event.key === " " && event.target.closest("a, button, summary, label, input")) return; // their own key
  const marked = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!marked) return;
  event.preventDefault();
  if (marked.matches("input, textarea")) marked.focus();
  else if (marked.matches("dialog")) marked.showModal();
  else marked.click();
}

function isTyping(element) {
  return element.matches("input:not([type=radio]):not([type=checkbox]), textarea, select");
}
