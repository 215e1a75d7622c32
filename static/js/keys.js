// The keyboard: Ctrl or Cmd with Enter submits; single letters follow what is marked data-key.
export function listenForKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
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
  const marked = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!marked) return;
  event.preventDefault();
  if (marked.matches("input")) marked.focus();
  else marked.click();
}

function isTyping(element) {
  return element.matches("input:not([type=radio]):not([type=checkbox]), textarea, select");
}
