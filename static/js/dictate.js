// Dictation where the browser recognises speech; off until it is asked for. Some browsers send
// the sound to their maker: the button says so before the first word.
const Recognition = window.SpeechRecognition ?? window.webkitSpeechRecognition;

export function offerDictation(button) {
  if (!Recognition) return;
  const box = document.getElementById(button.dataset.dictate);
  let recognition = null;
  button.hidden = false;
  button.title = "Your browser may send the sound to its maker to be recognised";

  function stop() {
    recognition?.stop();
    recognition = null;
    button.textContent = "Dictate";
  }
  button.addEventListener("click", () => {
    if (recognition) return stop();
    recognition = new Recognition();
    recognition.lang = "en";
    recognition.continuous = true;
    recognition.addEventListener("result", ({ results, resultIndex }) => {
      for (const result of [...results].slice(resultIndex).filter((one) => one.isFinal)) {
        const gap = box.value && !/\s$/.test(box.value) ? " " : "";
        box.value += gap + result[0].transcript.trim();
      }
      box.dispatchEvent(new Event("input", { bubbles: true }));
    });
    recognition.addEventListener("error", ({ error }) => { stop(); button.textContent = `Dictate (${error})`; });
    recognition.addEventListener("end", () => recognition && stop());
    recognition.start();
    button.textContent = "Stop dictating";
  });
}
