"""The grader, measured on answers that nothing was trained or tuned on: bench/grader/*.yaml, eight
kinds of answer to each question, every point labelled by hand. `make bench NAME=grader`.

What is measured of a question was read by a classifier that had seen nothing of that question, nor
of those that ask for the same (model/corpus/folds.yaml), and judged by maps fitted on other folds.
That takes an hour; what was found is kept in bench/grader/evidence.json. `--again` reads anew, with
the classifiers of model/calibrate.py, which makes those that are not there.
"""

import argparse
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml

from app import bank, labs
from app.grading import (
    ASSERTS_NOTHING,
    CALIBRATIONS,
    MARKS,
    VERSION,
    Claim,
    Grader,
    PointVerdict,
)
from app.settings import ROOT
from bench.scoring import Scored, cosine, overlap, print_figures, print_reliability, tick
from model.calibrate import fit_maps, read_fold, weigh_fold
from model.checkpoint import Models
from model.corpus.statements import read_folds
from model.evidence import Calibration, Reading, Scales, usable

HERE = Path(__file__).parent / "grader"
EVIDENCE = HERE / "evidence.json"
SWAPS = yaml.safe_load((HERE.parent / "role_swaps.yaml").read_text(encoding="utf-8"))
QUESTIONS = bank.load(ROOT / "questions", labs.check)
MODES = {"claims": "text only", "wordings": "with wordings"}
REPEATS = 7


@dataclass(frozen=True)
class Answer:
    """One labelled answer."""

    question: str
    kind: str
    text: str
    verdicts: dict[str, str]

    @property
    def key(self) -> str:
        """A name that changes with the text and with the points."""
        read = repr((self.question, self.text, self.claims("wordings")))
        return hashlib.sha256(read.encode()).hexdigest()[:12]

    def claims(self, mode: str) -> list[Claim]:
        """The points of the question, with their wordings or as text alone."""
        known = mode == "wordings"
        return [
            Claim(p.id, p.text, p.says if known else (), p.denies if known else (), p.weight)
            for p in QUESTIONS[self.question].points
        ]

    def score(self, verdicts: dict[str, tuple[str, float]]) -> list[Scored]:
        """Each point with its label and the verdict on it, (mark, confidence)."""
        return [
            Scored(self.question, self.kind, c.id, c.weight, self.verdicts[c.id], *verdicts[c.id])
            for c in self.claims("claims")
        ]


def read_answers(folder: Path = HERE) -> list[Answer]:
    """Every labelled answer."""
    found = []
    for path in sorted(folder.glob("*.yaml")):
        matter = yaml.safe_load(path.read_text(encoding="utf-8"))
        found += [Answer(matter["question"], **answer) for answer in matter["answers"]]
    return found


def gather(answers: list[Answer]) -> dict[str, Any]:
    """The evidence that the classifier of each fold finds in answers to questions it has not seen,
    by maps fitted on the other folds: by answer and mode a list for each point, or none where there
    is nothing to read."""
    minilm = Models().minilm
    folds = read_folds()
    scales = [weigh_fold(fold, minilm) for fold in range(len(folds))]
    seen = [read_fold(fold, scales[fold]) for fold in range(len(folds))]
    found: dict[str, Any] = {"version": VERSION, "swaps": [[] for _ in SWAPS]}
    for fold, names in enumerate(folds):
        fitted = fit_maps(seen[:fold] + seen[fold + 1 :])
        maps = {mode: Calibration(**parts) for mode, parts in fitted.items()}
        for answer in answers:
            if answer.question in names:
                found[answer.key] = {
                    mode: list(read_points(scales[fold], maps[mode], answer, mode))
                    for mode in MODES
                }
        for swap, rows in zip(SWAPS, found["swaps"], strict=True):
            if swap["question"] in names:
                for way in ("straight", "swapped"):
                    [reading] = scales[fold].read(usable(swap[way]), [Claim("", swap["claim"])])
                    rows.append(chances(maps["claims"], reading))
    return found


def read_points(
    scales: Scales, maps: Calibration, answer: Answer, mode: str
) -> Iterator[list[float]]:
    """The chances of every point of an answer; none where there is nothing to read."""
    if units := usable(answer.text, QUESTIONS[answer.question].asks):
        for reading in scales.read(units, answer.claims(mode)):
            yield chances(maps, reading)


def chances(maps: Calibration, reading: Reading) -> list[float]:
    """Of made, contradicted and missing."""
    return [round(chance, 4) for chance in maps.judge(reading).chances]


def decide(found: list[float], mode: str) -> tuple[str, float]:
    """The verdict that these chances lead to, and how likely it is."""
    likeliest = max(range(3), key=found.__getitem__)
    sure = found[likeliest] >= CALIBRATIONS[mode].sure[likeliest]
    return MARKS[likeliest] if sure else "unsure", found[likeliest]


def judge(answer: Answer, evidence: dict[str, Any], mode: str) -> list[Scored]:
    """The verdicts that this evidence leads to."""
    claims = answer.claims(mode)
    found = [decide(numbers, mode) for numbers in evidence[answer.key][mode]]
    given = found or [("missing", ASSERTS_NOTHING)] * len(claims)
    return answer.score({c.id: verdict for c, verdict in zip(claims, given, strict=True)})


def similar(answers: list[Answer], models: Models) -> dict[str, list[Scored]]:
    """What word overlap and sentence vectors say, at the threshold that suits them best."""
    found = {}
    ways = {"word overlap": overlap, "cosine": lambda text, cs: cosine(models, text, cs)}
    rows = [row for a in answers for row in a.score({c.id: ("", 1.0) for c in a.claims("claims")})]
    for name, way in ways.items():
        scores = [way(a.text, [c.text for c in a.claims("claims")]) for a in answers]
        found[name] = tick(rows, [score for some in scores for score in some])
    return found


def print_swaps(evidence: dict[str, Any]) -> None:
    """What becomes of a claim when two roles in a sentence that makes it are exchanged."""
    for place, way in enumerate(("as claimed", "roles swapped")):
        marks = [decide(rows[place], "claims")[0] for rows in evidence["swaps"]]
        counts = ", ".join(f"{marks.count(mark)} {mark}" for mark in (*MARKS, "unsure"))
        print(f"{len(marks)} sentences, {way}: {counts}")


def measure_time(answers: list[Answer], mode: str) -> str:
    """Milliseconds for about 200 words and seven claims, read for the first time; their wordings
    have been met before, as in the app."""
    grader = Grader(Models())
    text = " ".join(" ".join(answer.text for answer in answers[:2]).split()[:200])
    claims = (answers[0].claims(mode) * 2)[:7]
    grader.grade("A warm-up, for the weights to be read.", claims)
    times = []
    for repeat in range(REPEATS):
        fresh = [replace(claim, text=f"{claim.text} {repeat}") for claim in claims]
        start = time.perf_counter()
        grader.grade(text, fresh)
        times.append(1000 * (time.perf_counter() - start))
    return (
        f"{statistics.median(times):.0f} ms for 200 words and 7 claims never seen before "
        f"(median of {REPEATS}; {torch.get_num_threads()} threads)"
    )


def shipped(answers: list[Answer], mode: str) -> list[Scored]:
    """What the shipped weights say; they have learnt from these questions, not these answers."""
    grader = Grader(Models())
    rows = []
    for answer in answers:
        asked = QUESTIONS[answer.question].asks
        found: list[PointVerdict] = grader.grade(answer.text, answer.claims(mode), asked)
        rows += answer.score({v.id: (v.verdict, v.confidence) for v in found})
    return rows


def main() -> None:
    """Print all the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", action="store_true", help="train and read anew: an hour")
    torch.set_num_threads(2)
    answers = read_answers()
    if parser.parse_args().again:
        EVIDENCE.write_text(json.dumps(gather(answers)) + "\n", encoding="utf-8")
    evidence = json.loads(EVIDENCE.read_text(encoding="utf-8"))
    if evidence["version"] != VERSION or any(a.key not in evidence for a in answers):
        sys.exit("answers, points or grader were changed since these were read: run with --again")
    print(f"grader {VERSION}: {len(answers)} answers to {len(answers) // 8} questions\n")
    columns = {
        title: [row for a in answers for row in judge(a, evidence, mode)]
        for mode, title in MODES.items()
    }
    columns |= similar(answers, Models())
    print_figures(columns)
    print()
    print_swaps(evidence)
    for mode, title in MODES.items():
        print(f"\n{title}")
        print_reliability(columns[title])
        print(measure_time(answers, mode))
    print("\nthe shipped weights, which have learnt from these questions (not from these answers)")
    print_figures({title: shipped(answers, mode) for mode, title in MODES.items()})


if __name__ == "__main__":
    main()
