"""What is proposed for a claim settles it more often than what is merely like it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from model.checkpoint import CheckpointError, Models
from model.corpus.statements import read_folds, read_topics
from model.proposals import Question, learn, load_proposals, outrank, read_questions


def recall(questions: list[Question], matrix: Tensor, count: int) -> float:
    """Of the claims that a sentence settles, for how many one is among the first `count`."""
    found = [
        bool(settles[claim][order[:count]].any())
        for claims, sentences, settles in questions
        for claim, order in enumerate((claims @ matrix @ sentences.T).argsort(descending=True))
        if settles[claim].any()
    ]
    return sum(found) / len(found)


def test_on_questions_that_it_has_not_seen_it_finds_more_than_likeness(models: Models) -> None:
    names = sorted(read_folds()[0] | read_folds()[3])[:6]
    topics = [topic for topic in read_topics() if topic.name in names]
    each = [replace(topic, passages=[said]) for topic in topics for said in topic.passages]
    questions = list(read_questions(each, models.minilm))
    assert len(questions) > 20
    learned = recall(questions, load_proposals(), 1)
    assert learned > recall(questions, torch.eye(384), 1) + 0.05


def test_it_learns_which_directions_settle_a_claim() -> None:
    """Here what settles a claim is like it in the last channels alone."""
    generator = torch.Generator().manual_seed(4)
    questions: list[Question] = []
    for _ in range(1600):
        drawn = torch.randn(16, 32, generator=generator)
        claims, sentences = F.normalize(drawn, dim=1).split((4, 12))
        alike = claims[:, 24:] @ sentences[:, 24:].T
        questions.append((claims, sentences, alike >= alike.amax(dim=1, keepdim=True)))
    learned = recall(questions[1500:], learn(questions[:1500]), 2)
    assert learned > recall(questions[1500:], torch.eye(32), 2) + 0.1


def test_the_loss_sets_each_that_settles_against_all_that_do_not() -> None:
    logits = torch.tensor([[2.0, 0.5, -1.0], [0.0, 3.0, 1.0]])
    settles = torch.tensor([[True, False, True], [False, False, False]])
    chances = [torch.tensor([score, 0.5]).softmax(0)[0] for score in (2.0, -1.0)]
    expected = -sum(chance.log() for chance in chances) / 2
    torch.testing.assert_close(outrank(logits, settles), expected)


def test_a_matrix_that_is_missing_or_damaged_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "proposals.safetensors"
    with pytest.raises(CheckpointError, match=r"is missing: .python -m model\.proposals"):
        load_proposals(path)
    path.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="damaged"):
        load_proposals(path)
