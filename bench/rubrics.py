"""The grader as it is shipped, on rubrics outside the bank: bench/rubrics/*.yaml, eight kinds of
answer to each question, every claim labelled by hand. `make bench NAME=rubrics`.

Written by people who had seen nothing that the grader has learnt from; nothing was set with these
answers in view. Claims on the same matter may be among those it was taught (model/corpus/claims).
"""

from pathlib import Path

import torch
import yaml

from app.grading import VERSION, Claim, Grader
from bench.scoring import Scored, best_threshold, cosine, figures, overlap, reliability
from model.checkpoint import Models

HERE = Path(__file__).parent / "rubrics"


def main() -> None:
    """Print all the figures, and those of word overlap and sentence vectors beside them."""
    torch.set_num_threads(2)
    models = Models()
    grader = Grader(models)
    columns: dict[str, list[Scored]] = {"text only": [], "word overlap": [], "cosine": []}
    likeness: dict[str, list[float]] = {"word overlap": [], "cosine": []}
    rubrics = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(HERE.iterdir())]
    for rubric in rubrics:
        claims = [Claim(name, text) for name, text in rubric["claims"].items()]
        texts = [claim.text for claim in claims]
        for answer in rubric["answers"]:
            for found in grader.grade(answer["text"], claims, rubric["question"]):
                truth = answer["verdicts"][found.id]
                about = (rubric["question"], answer["kind"], found.id, 1, truth)
                columns["text only"].append(Scored(*about, found.verdict, found.confidence))
            likeness["word overlap"] += overlap(answer["text"], texts)
            likeness["cosine"] += cosine(models, answer["text"], texts)
    for name, scores in likeness.items():
        threshold = best_threshold([row.truth for row in columns["text only"]], scores)
        columns[name] = [
            Scored(r.question, r.kind, r.claim, 1, r.truth, "made" if s >= threshold else "missing")
            for r, s in zip(columns["text only"], scores, strict=True)
        ]
    print(f"grader {VERSION}: {8 * len(rubrics)} answers to {len(rubrics)} rubrics\n")
    measured = {name: figures(rows) for name, rows in columns.items()}
    print(f"{'':36}" + "".join(f"{name:>16}" for name in measured))
    for name in measured["text only"]:
        print(f"{name:36}" + "".join(f"{column[name]:16.3f}" for column in measured.values()))
    print("\nconfidence:                   points    mean   right")
    for name, count, mean, right in reliability(columns["text only"]):
        print(f"{name:30}{count:6}{mean:8.2f}{right:8.2f}")


if __name__ == "__main__":
    main()
