"""How sure the grader may be: `python -m model.calibrate`, about an hour on two cores.

Trains the pair classifier once for each fold of questions, without these; lets each read answers to
the questions it has not seen, put together from the passages written for training; and fits the
map from evidence to chances. A stopped run goes on where it was.
"""

import argparse
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor

from model.checkpoint import WEIGHTS
from model.corpus.statements import Statement, Subject, Topic, read_folds, read_topics
from model.evidence import Calibration, Scales, fit, usable
from model.pairs import load_pairs
from model.pretrained import load_minilm
from model.tasks.grader import SHARED, Grader
from model.train import STATE, run

STEPS = 1_800
ANSWERS = 8  # put together for each question
SURE = (0.5, 0.5, 0.5)
MADE, CONTRADICTED, MISSING = range(3)
Labelled = tuple[str, dict[str, int]]  # an answer, and the label of each claim by its id


def fold_path(fold: int, state: Path = STATE) -> Path:
    """Where the classifier that has not seen a fold is kept."""
    return state / f"grader-fold-{fold}.safetensors"


def train_shared(*, steps: int = STEPS, state: Path = STATE) -> Path:
    """Train the steps that all have in common, unless that is done; where they are kept."""
    path = state / f"grader-shared-{SHARED}-of-{steps}.pt"
    if not path.is_file():
        task = Grader(steps=steps)
        kept = path.with_suffix(".part")
        run(task, task.build().network, kept, until=SHARED)
        kept.replace(path)
    return path


def train_fold(fold: int, *, steps: int = STEPS, state: Path = STATE) -> Path:
    """Train the classifier without the questions of a fold, unless that is done."""
    path = fold_path(fold, state)
    if not path.is_file():
        task = Grader(steps=steps, without=read_folds()[fold])
        checkpoint = task.build()
        kept = path.with_suffix(".pt")
        if not kept.is_file():
            shutil.copy(train_shared(steps=steps, state=state), kept)
        run(task, checkpoint.network, kept)
        task.save(path, checkpoint)
        kept.unlink()
    return path


def put_together(topic: Topic, others: list[Topic], random: Random) -> Iterator[Labelled]:
    """Answers of one to four passages, and some to another question."""
    for number in range(ANSWERS):
        away = number % 4 == 3
        source = random.choice(others) if away else topic
        count = min(len(source.passages), random.choice((1, 2, 2, 3, 4)))
        passages = random.sample(source.passages, count)
        said = [statement for passage in passages for statement in passage]
        text = " ".join(finish(statement.text) for statement in said)
        ids = [subject.id for subject in topic.subjects]
        yield text, dict.fromkeys(ids, MISSING) if away else last_words(ids, said)


def finish(sentence: str) -> str:
    """The sentence with a full stop."""
    return sentence if sentence.rstrip()[-1:] in ".!?;" else sentence.rstrip() + "."


def last_words(ids: list[str], said: list[Statement]) -> dict[str, int]:
    """The label of each claim: what is said of it last counts."""
    labels = dict.fromkeys(ids, MISSING)
    for statement in said:
        labels |= dict.fromkeys(statement.makes & labels.keys(), MADE)
        labels |= dict.fromkeys(statement.denies & labels.keys(), CONTRADICTED)
    return labels


def gather(scales: Scales, topic: Topic, answers: list[Labelled], *, known: bool) -> Iterator[Any]:
    """The numbers and the label of every claim in every answer, with the claims' wordings or
    without."""
    claims = [s if known else Subject(s.id, s.text) for s in topic.subjects]
    for text, labels in answers:
        if units := usable(text, topic.asks):
            for claim, found in zip(claims, scales.weigh(units, claims), strict=True):
                yield found.numbers, labels[claim.id]


def calibrate(*, steps: int = STEPS, state: Path = STATE, folder: Path = WEIGHTS) -> dict[str, Any]:
    """Fit both maps on questions left out, and write them with a version to `folder`."""
    minilm = load_minilm()
    topics = {topic.name: topic for topic in read_topics()}
    rows: dict[bool, list[Any]] = {False: [], True: []}
    for fold, names in enumerate(read_folds()):
        scales = Scales(minilm, load_pairs(train_fold(fold, steps=steps, state=state), minilm))
        others = [topics[name] for name in sorted(topics.keys() - names) if topics[name].passages]
        for name in sorted(names):
            if topics[name].passages:
                answers = list(put_together(topics[name], others, Random(name)))
                for known, found in rows.items():
                    found.extend(gather(scales, topics[name], answers, known=known))
    settings: dict[str, Any] = {"version": version(folder / "grader.safetensors", rows)}
    for known, found in rows.items():
        numbers = torch.tensor([numbers for numbers, _ in found])  # (N, F)
        labels = torch.tensor([label for _, label in found])  # (N,)
        weights = fit(numbers, labels)
        settings["wordings" if known else "claims"] = {"weights": weights, "sure": SURE}
        print("known" if known else "text", len(found), report(weights, numbers, labels))  # noqa: T201
    text = json.dumps(settings, indent=1)
    (folder / "calibration.json").write_text(text + "\n", encoding="utf-8")
    return settings


def report(weights: Any, numbers: Tensor, labels: Tensor) -> dict[str, float]:
    """How often the likeliest label is right, and F1 of made and of contradicted."""
    calibration = Calibration(weights, SURE)
    chances = torch.tensor([calibration.chances(row) for row in numbers.tolist()])  # (N, 3)
    said = chances.argmax(dim=1)
    figures = {"right": float((said == labels).float().mean())}
    for label, name in ((MADE, "made"), (CONTRADICTED, "contradicted")):
        hits = ((said == label) & (labels == label)).sum()
        figures[name] = float(2 * hits / ((said == label).sum() + (labels == label).sum()))
    return {name: round(figure, 3) for name, figure in figures.items()}


def version(weights: Path, rows: Any) -> str:
    """A short name for these weights and what the maps were fitted on."""
    digest = hashlib.sha256(weights.read_bytes() if weights.is_file() else b"")
    digest.update(json.dumps(list(rows.values())).encode())
    return digest.hexdigest()[:10]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, nargs="*", help="train these alone, and stop")
    parser.add_argument("--shared", action="store_true", help="what all begin with, and stop")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    if chosen.shared:
        train_shared(steps=chosen.steps)
    elif chosen.folds:
        for fold in chosen.folds:
            train_fold(fold, steps=chosen.steps)
    else:
        calibrate(steps=chosen.steps)


if __name__ == "__main__":
    main()
