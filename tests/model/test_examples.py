"""What the grader learns from is labelled as its sentences are, and holds out what it says."""

import shutil
from collections import Counter
from pathlib import Path
from random import Random

import pytest
import torch

from model.calibrate import settle
from model.checkpoint import WEIGHTS, Models
from model.corpus.examples import DENIED, MADE, NEITHER, NOT_DENIED, Examples
from model.corpus.statements import (
    HERE,
    QUESTIONS,
    Statement,
    Subject,
    Topic,
    read_claims,
    read_folds,
    read_topics,
)
from model.pairs import PairClassifier, load_classifier
from model.tasks.grader import NEAR, Grader, hold_out
from model.train import run

KINDS = ("pro", "con", "idle")
EVENLY = (4, 4, 4, 4)


def write(name: str) -> Subject:
    """A claim whose every sentence says what it does to which claim."""
    says, denies, neither = (
        tuple(f"{name}{kind}{number}" for number in range(3)) for kind in KINDS
    )
    return Subject(name, f"{name}claim", says, denies, neither)


@pytest.fixture
def outside() -> Examples:
    return Examples([Topic("letters", "letters", [write("alpha"), write("gamma")])], EVENLY)


def test_a_claim_outside_the_bank_is_labelled_as_its_sentence_is(outside: Examples) -> None:
    labels: Counter[int] = Counter()
    for seed in range(2000):
        example = outside.from_outside(Random(seed))
        if example is None:
            continue
        pair, label = example
        labels[label] += 1
        name = pair.claim[:5]
        about = [word for word in pair.passage.split() if word.startswith(name)]
        made, denied, _ = (sum(kind in word for word in about) for kind in KINDS)
        made += sum("claim" in word for word in about)
        if "con" in pair.claim:  # a wording against the claim stands for it, turned round
            made, denied = denied, made
        assert (made > 0, denied > 0) == (label == MADE, label == DENIED), pair
    assert min(labels[label] for label in (MADE, DENIED, NEITHER)) > 400


def test_the_other_half_of_a_sentence_may_be_right_or_wrong_on_another_claim(
    outside: Examples,
) -> None:
    drawn = [outside.from_outside(Random(seed)) for seed in range(3000)]
    halves = {
        (label, other)
        for pair, label in filter(None, drawn)
        for other in ("pro", "con")
        if {"alpha": "gamma", "gamma": "alpha"}[pair.claim[:5]] + other in pair.passage.casefold()
        and pair.claim[:5] in pair.passage.casefold()
    }
    assert {(MADE, "pro"), (MADE, "con"), (DENIED, "pro"), (DENIED, "con")} <= halves


def test_what_came_before_does_not_count(outside: Examples) -> None:
    drawn = [outside.from_outside(Random(seed)) for seed in range(2000)]
    pairs = [pair for pair, label in filter(None, drawn) if label == NEITHER and pair.before]
    assert any("pro" in pair.before for pair in pairs)
    assert any("con" in pair.before for pair in pairs)


def test_what_is_not_there_is_not_drawn_from_and_the_rest_is() -> None:
    delta = Subject("delta", "deltaclaim", ("deltapro",), ("deltacon",))
    spoken = Topic("spoken", "spoken", [delta])
    spoken.passages = [[Statement("Well, deltapro.", makes=frozenset({"delta"}))]]
    examples = Examples([spoken], EVENLY)
    assert {way.__name__ for way in examples.ways} == {"from_passage", "from_wordings", "altered"}
    drawn = [examples.draw(Random(seed)) for seed in range(400)]
    assert {label for _, label in drawn} == {MADE, DENIED, NEITHER, NOT_DENIED}


def test_two_topics_of_one_name_are_refused(tmp_path: Path) -> None:
    """Who holds out the one would read the other."""
    for name in ("claims", "points", "interviews"):
        (tmp_path / name).mkdir()
    shutil.copy(HERE / "interviews" / "rmsnorm.yaml", tmp_path / "interviews" / "why-scale.yaml")
    folder = tmp_path / "bank"
    folder.mkdir()
    shutil.copy(next(QUESTIONS.rglob("*.md")), folder / "01-why-scale.md")
    with pytest.raises(ValueError, match="two topics are called why-scale"):
        read_topics(folder, tmp_path)


def test_every_claim_and_point_has_sentences_of_all_kinds() -> None:
    outside = [subject for topic in read_topics() for subject in topic.subjects if subject.neither]
    assert len({subject.text.casefold() for subject in outside}) == len(outside) > 3700
    for subject in outside:
        assert min(len(subject.says), len(subject.denies)) >= 3, subject.text
        assert len(subject.neither) >= 2, subject.text
        texts = [subject.text, *subject.says, *subject.denies, *subject.neither]
        assert len({text.casefold() for text in texts}) == len(texts), subject.text


def test_every_claim_of_an_interview_is_made_and_denied_in_its_answers() -> None:
    topics = read_topics()
    assert len({topic.name for topic in topics}) == len(topics)
    interviews = [topic for topic in topics if topic.passages and not topic.subjects[0].says]
    assert len(interviews) > 200
    for topic in interviews:
        said = [statement for passage in topic.passages for statement in passage]
        ids = {subject.id for subject in topic.subjects}
        for does in ("makes", "denies"):
            named = [name for statement in said for name in getattr(statement, does)]
            assert set(named) == ids, (topic.name, does)


def test_claims_without_wordings_are_learnt_from_by_their_answers_alone() -> None:
    spoken = Topic("spoken", "spoken", [Subject("delta", "deltaclaim")])
    spoken.passages = [[Statement("Well, delta.", makes=frozenset({"delta"}))]]
    examples = Examples([spoken, Topic("letters", "letters", [write("alpha")])], EVENLY)
    assert examples.written == [(spoken, spoken.passages[0])]
    assert not examples.bank
    drawn = [examples.from_passage(Random(seed)) for seed in range(50)]
    assert {(pair.claim, label) for pair, label in filter(None, drawn)} == {("deltaclaim", MADE)}


def test_a_point_both_made_and_denied_has_no_label() -> None:
    said = [
        Statement("One.", makes=frozenset({"a", "b"})),
        Statement("Two.", makes=frozenset({"a"}), denies=frozenset({"b", "c"})),
    ]
    assert settle(["a", "b", "c", "d"], said) == {"a": 0, "c": 1, "d": 2}


def test_a_line_of_no_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("= A claim.\n+ Yes.\n* What?\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"x\.txt: a line begins with none of .*What"):
        read_claims(path)


def test_nothing_near_a_question_held_out_is_learnt_from(models: Models) -> None:
    without = read_folds()[0]
    topics = read_topics()
    points = [s.text for topic in topics if topic.name in without for s in topic.subjects]
    kept = hold_out(topics, without, models.minilm)
    assert not without & {topic.name for topic in kept}
    texts = [subject.text for topic in kept for subject in topic.subjects]
    assert float((models.minilm.embed(texts) @ models.minilm.embed(points).T).max()) <= NEAR
    assert sum(len(topic.subjects) for topic in topics) - len(texts) - len(points) > 0


def test_the_second_course_starts_where_the_first_ended_and_leaves_minilm_alone(
    tmp_path: Path,
) -> None:
    first = tmp_path / "grader-first.safetensors"
    shutil.copy(WEIGHTS / "grader.safetensors", first)
    course = Grader(steps=2, without=read_folds()[0], state=tmp_path)
    network = course.build().network
    assert isinstance(network, PairClassifier)
    before = {name: weights.clone() for name, weights in network.state_dict().items()}
    for name, weights in load_classifier(first, course.minilm).own().items():
        assert torch.equal(before[name], weights)

    def moved() -> set[str]:
        now = network.state_dict().items()
        return {name for name, weights in now if not torch.equal(weights, before[name])}

    own = network.own().keys()
    run(course, network, tmp_path / "kept.pt", until=1)
    assert all(name.startswith("readers.0.") for name in moved())  # the readers take turns
    losses, _ = run(course, network, tmp_path / "kept.pt")
    assert 0 < losses[-1][1] < 1.1
    assert moved() <= own
    assert len(moved()) > 0.9 * len(own)
