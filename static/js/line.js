// Says how long a run that waits for its turn will wait, about, until `answer` is there.
const PATIENCE = 800; // ms before there is a word
const OFTEN = 1000;

export async function tellWait(output, run, answer) {
  let answered = false;
  answer.finally(() => { answered = true; });
  const note = document.createElement("p");
  note.className = "note";
  await pause(PATIENCE);
  while (!answered) {
    const wait = await ask(run);
    if (answered) break;
    note.textContent = wait ?? "Computing.";
    if (!note.isConnected) output.prepend(note);
    await pause(OFTEN);
  }
  note.remove();
}

async function ask(run) {
  try {
    const line = await (await fetch("/api/runs")).json();
    return line.waiting.find((waiting) => waiting.run === run)?.says;
  } catch {
    return undefined;
  }
}

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
