"""Accepted wordings: what counts as the same, what is remembered and let go of."""

from typing import cast

import pytest
from fastapi import FastAPI
from sqlmodel import Session

from app import practice, wordings
from app.practice import AnswerForm
from app.question import Question
from app.tables import LOCAL_LEARNER, Answer, Wording

ME = LOCAL_LEARNER


@pytest.fixture
def answer(app: FastAPI, session: Session) -> Answer:
    question = cast(Question, app.state.bank["why-scale"])
    text = "The keys come from the encoder. They do not come from elsewhere. Hm."
    return practice.submit(session, ME, question, AnswerForm(text=text))


def known(text: str, verdict: str = "made", point: str = "p") -> Wording:
    return Wording(learner_id=ME, slug="s", point_id=point, text=text, verdict=verdict)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("The keys come from the encoder.", "keys come from an ENCODER", True),
        ("it doesn’t grow", "It doesn't grow!", True),
        ("divide by √d", "divide by d", False),
        ("x + 1 is it", "x - 1 is it", False),
        ("it is 0.5 here", "it is 05 here", False),
        ("keys come from the encoder", "keys come from the decoder", False),
        ("it is now shared", "it is not shared", False),
        ("it does grow", "it does not grow", False),
    ],
)
def test_the_same_is_the_same_word_for_word(one: str, other: str, same: bool) -> None:
    assert (wordings.words(one) == wordings.words(other)) is same


def test_a_wording_inside_another_sentence_decides_nothing() -> None:
    rows = [known("keys come from the encoder")]
    assert wordings.recognise("It is false that keys come from the encoder.", rows) == {}
    assert wordings.recognise("So. The keys come from the encoder.", rows)["p"][1].start == 4


def test_a_point_both_made_and_contradicted_is_left_to_the_grader() -> None:
    rows = [known("It grows fast."), known("It shrinks fast.", "contradicted")]
    assert wordings.recognise("It grows fast. It shrinks fast.", rows) == {}
    assert wordings.recognise("It shrinks fast.", rows)["p"][0] == "contradicted"


def test_a_wording_is_kept_once_and_its_latest_verdict_counts(
    session: Session, answer: Answer
) -> None:
    wordings.remember(session, answer, "point-1", "made", "The keys come from the encoder.")
    wordings.remember(session, answer, "point-1", "made", "The keys come from the encoder.")
    wordings.remember(session, answer, "point-2", "made", "The keys come from the encoder.")
    wordings.remember(session, answer, "point-1", "contradicted", "keys come from the encoder")
    kept = wordings.of(session, ME, "why-scale")
    assert [(row.point_id, row.verdict) for row in kept] == [
        ("point-2", "made"),
        ("point-1", "contradicted"),
    ]


@pytest.mark.parametrize(
    ("text", "why"), [("It was never said.", "not one"), ("Hm.", "3 words"), ("", "3 words")]
)
def test_what_the_answer_does_not_say_is_not_remembered(
    session: Session, answer: Answer, text: str, why: str
) -> None:
    with pytest.raises(wordings.NotAWording, match=why):
        wordings.remember(session, answer, "point-1", "made", text)
    assert wordings.of(session, ME, "why-scale") == []


def test_a_wording_is_its_learners_and_its_questions(session: Session, answer: Answer) -> None:
    row = wordings.remember(session, answer, "point-1", "made", "The keys come from the encoder.")
    number = cast(int, row.id)
    assert wordings.of(session, ME + 1, "why-scale") == []
    assert wordings.of(session, ME, "what-is-a-mask") == []
    wordings.forget(session, ME + 1, "why-scale", number)
    wordings.forget(session, ME, "what-is-a-mask", number)
    assert len(wordings.of(session, ME, "why-scale")) == 1
    wordings.forget(session, ME, "why-scale", number)
    wordings.forget(session, ME, "why-scale", number)
    assert wordings.of(session, ME, "why-scale") == []
