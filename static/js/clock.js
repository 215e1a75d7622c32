// Time spent: counted while the page is seen, from what was spent before it was opened.
export function clock(before = 0) {
  let spent = before * 1000;
  let since = document.hidden ? null : performance.now();
  document.addEventListener("visibilitychange", () => {
    if (since !== null) spent += performance.now() - since;
    since = document.hidden ? null : performance.now();
  });
  return () => Math.round((spent + (since === null ? 0 : performance.now() - since)) / 1000);
}

export const shown = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

// Soft timers: they say when the time is up and stop nothing.
export function showTime(place) {
  const limit = Number(place.dataset.minutes);
  const since = place.dataset.clock && Date.parse(place.dataset.clock);
  const spent = since ? () => Math.max(0, Math.round((Date.now() - since) / 1000)) : clock(Number(place.dataset.spent));
  const tell = () => {
    const seconds = spent();
    const over = seconds > 60 * limit;
    place.textContent = `${shown(seconds)} of ${limit} min${over ? ": time is up, finish the thought" : ""}`;
    place.classList.toggle("over", over);
  };
  tell();
  setInterval(tell, 1000);
}
