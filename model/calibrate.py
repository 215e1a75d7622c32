"""How sure the grader may be: `python -m model.calibrate`, about an hour on two cores after the
first course.

Trains the pair classifier once for each fold of questions, without these; lets each read answers to
the questions it has not seen, put together from the passages written for training; and fits the
map from evidence to chances. A stopped run goes on where it was.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor

from model.checkpoint import WEIGHTS
from model.clauses import Unit
from model.corpus.statements import Statement, Subject, Topic, read_folds, read_topics
from model.evidence import Reading, Scales, apply, fit, sum_up, usable
from model.pairs import load_pairs
from model.pretrained import SentenceEncoder, load_minilm
from model.proposals import load_proposals
from model.tasks.grader import Grader
from model.train import STATE, run

STEPS = 2_000  # of a fold's second course; the shipped weights have 4,000
ANSWERS = 6  # put together for each question
# Chances from which made, contradicted and missing are said; below, the candidate is asked. In the
# app, where wordings are known, a wrong tick or a wrong cross costs more than a question does.
SURE = {"claims": (0.5, 0.5, 0.5), "wordings": (0.6, 0.7, 0.5)}
MADE, CONTRADICTED, MISSING = range(3)
Labelled = tuple[str, dict[str, int]]  # an answer, and the label of each claim by its id
Read = tuple[Reading, int]  # and its label


@dataclass(frozen=True)
class Found:
    """What the classifier that has not seen a fold finds in the training passages of it."""

    sentences: list[tuple[Tensor, int]]  # the numbers (F,) of each, and its label
    answers: dict[str, list[Read]]  # by mode


def fold_path(fold: int, state: Path = STATE) -> Path:
    """Where the classifier that has not seen a fold is kept."""
    return state / f"grader-fold-{fold}.safetensors"


def train_fold(fold: int, state: Path = STATE) -> Path:
    """Train the classifier without the questions of a fold, unless that is done."""
    path = fold_path(fold, state)
    if not path.is_file():
        task = Grader(steps=STEPS, without=read_folds()[fold], state=state)
        checkpoint = task.build()
        kept = path.with_suffix(".pt")
        run(task, checkpoint.network, kept)
        task.save(path, checkpoint)
        kept.unlink()
    return path


def put_together(topic: Topic, others: list[Topic], random: Random) -> Iterator[Labelled]:
    """Answers of one to four passages, and some to another question."""
    for number in range(ANSWERS):
        away = number % 3 == 2
        source = random.choice(others) if away else topic
        count = min(len(source.passages), random.choice((1, 2, 2, 3, 4)))
        passages = random.sample(source.passages, count)
        said = [statement for passage in passages for statement in passage]
        text = " ".join(finish(statement.text) for statement in said)
        ids = [subject.id for subject in topic.subjects]
        yield text, dict.fromkeys(ids, MISSING) if away else settle(ids, said)


def finish(sentence: str) -> str:
    """The sentence with a full stop."""
    return sentence if sentence.rstrip()[-1:] in ".!?;" else sentence.rstrip() + "."


def settle(ids: list[str], said: list[Statement]) -> dict[str, int]:
    """The label of each claim, but for those that are both made and denied."""
    made = frozenset().union(*(statement.makes for statement in said))
    denied = frozenset().union(*(statement.denies for statement in said))
    labels = {name: MADE if name in made else MISSING for name in ids if name not in denied}
    return labels | dict.fromkeys((denied - made) & set(ids), CONTRADICTED)


def read_sentences(scales: Scales, topic: Topic) -> Iterator[tuple[Tensor, int]]:
    """The sentences of every other passage written to a question, for every point: the numbers
    (F,), wordings known, and the label. Both readers read all, as in an answer what matters."""
    said = [statement for passage in topic.passages[::2] for statement in passage]
    units = [Unit(s.text, 0, len(s.text), s.before) for s in said]
    vectors = torch.cat([scales.embed([unit.text]) for unit in units])
    order = sorted(range(len(units)), key=lambda place: len(units[place].text))
    for subject in topic.subjects:
        for places in (order[start : start + 32] for start in range(0, len(order), 32)):
            numbers = scales.weigh([units[i] for i in places], vectors[places], subject)
            labels = [settle([subject.id], [said[i]]).get(subject.id) for i in places]
            rows = zip(numbers, labels, strict=True)
            yield from ((row, label) for row, label in rows if label is not None)


def read_answers(
    scales: Scales, topic: Topic, answers: list[Labelled], *, known: bool
) -> Iterator[Read]:
    """Every answer read for every point that has a label, with the wordings of the points or as
    text alone."""
    claims = [s if known else Subject(s.id, s.text) for s in topic.subjects]
    for text, labels in answers:
        if units := usable(text, topic.asks):
            settled = [claim for claim in claims if claim.id in labels]
            for claim, reading in zip(settled, scales.read(units, settled), strict=True):
                yield reading, labels[claim.id]


def read_fold(fold: int, scales: Scales) -> Found:
    """The sentences of a fold's questions, and answers put together from them, as text alone and
    with wordings known; `scales` are those that have not seen them."""
    topics = {topic.name: topic for topic in read_topics()}
    names = read_folds()[fold]
    others = [topics[name] for name in sorted(topics.keys() - names) if topics[name].passages]
    found = Found([], {mode: [] for mode in SURE})
    for name in sorted(names):
        written = list(put_together(topics[name], others, Random(name)))
        found.sentences.extend(read_sentences(scales, topics[name]))
        for mode, answers in found.answers.items():
            known = mode == "wordings"
            answers += read_answers(scales, topics[name], written, known=known)
    return found


def weigh_fold(fold: int, minilm: SentenceEncoder, state: Path = STATE) -> Scales:
    """The scales that have not seen a fold; trained, unless that is done."""
    return Scales(minilm, load_pairs(train_fold(fold, state), minilm), load_proposals())


def fit_maps(folds: Sequence[Found]) -> dict[str, dict[str, Any]]:
    """The map of units and the map of answers, by mode. That of units is for as many numbers as
    the readings of the answers have: wordings come last."""
    maps = {}
    for mode, sure in SURE.items():
        answers = [read for found in folds for read in found.answers[mode]]
        sentences = [sentence for found in folds for sentence in found.sentences]
        width = answers[0][0].numbers.shape[1]
        numbers = torch.stack([row[:width] for row, _ in sentences])  # (N, F)
        units = fit(numbers, torch.tensor([label for _, label in sentences]))
        sums = torch.stack([sum_up(apply(units, read.numbers)) for read, _ in answers])  # (N, 6)
        labels = torch.tensor([label for _, label in answers])
        maps[mode] = {"units": units, "answers": fit(sums, labels), "sure": sure}
    return maps


def calibrate(state: Path = STATE, folder: Path = WEIGHTS) -> None:
    """Fit the maps with and without wordings on questions left out, and write them to `folder`."""
    minilm = load_minilm()
    folds = range(len(read_folds()))
    maps = fit_maps([read_fold(fold, weigh_fold(fold, minilm, state)) for fold in folds])
    text = json.dumps(maps, indent=1)
    (folder / "calibration.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, nargs="*", help="train these alone, and stop")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    if chosen.folds:
        for fold in chosen.folds:
            train_fold(fold)
    else:
        calibrate()


if __name__ == "__main__":
    main()
