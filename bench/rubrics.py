"""The grader as it is shipped, on rubrics outside the bank: bench/rubrics/*.yaml, eight kinds of
answer to each question, every claim labelled by hand. `make bench NAME=rubrics`.

Written by people who had seen nothing that the grader has learnt from, and not looked into; their
figures have had a say in what was kept (docs/grader.md). Claims on the same matter may be among
those it was taught (model/corpus/claims).
"""

from pathlib import Path

import torch
import yaml

from app.grading import VERSION, Claim, Grader
from bench.scoring import Scored, cosine, overlap, print_figures, print_reliability, tick
from model.checkpoint import Models

HERE = Path(__file__).parent / "rubrics"


def main() -> None:
    """Print all the figures, and those of word overlap and sentence vectors beside them."""
    torch.set_num_threads(2)
    models = Models()
    grader = Grader(models)
    rows: list[Scored] = []
    words: list[float] = []
    vectors: list[float] = []
    rubrics = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(HERE.iterdir())]
    for rubric in rubrics:
        claims = [Claim(name, text) for name, text in rubric["claims"].items()]
        texts = [claim.text for claim in claims]
        for answer in rubric["answers"]:
            for found in grader.grade(answer["text"], claims, rubric["question"]):
                truth = answer["verdicts"][found.id]
                about = (rubric["question"], answer["kind"], found.id, 1, truth)
                rows.append(Scored(*about, found.verdict, found.confidence))
            words += overlap(answer["text"], texts)
            vectors += cosine(models, answer["text"], texts)
    print(f"grader {VERSION}: {8 * len(rubrics)} answers to {len(rubrics)} rubrics\n")
    print_figures(
        {"text only": rows, "word overlap": tick(rows, words), "cosine": tick(rows, vectors)}
    )
    print_reliability(rows)


if __name__ == "__main__":
    main()
