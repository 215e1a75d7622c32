"""The marker: accepted wordings, quotes held to the answer, failures that lose nothing."""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from fastapi import FastAPI
from sqlmodel import Session

from app import grading, practice, wordings
from app.grading import Claim, PointVerdict
from app.marking import Engine, Marker, Opinion
from app.practice import AnswerForm
from app.question import Question
from app.tables import LOCAL_LEARNER, Answer
from model.checkpoint import Models
from tests.graders import Doing, Rule

ME = LOCAL_LEARNER
Make = Callable[..., Marker]


@pytest.fixture
def question(app: FastAPI) -> Question:
    return cast(Question, app.state.bank["why-scale"])


@pytest.fixture
def make(app: FastAPI) -> Iterator[Make]:
    made: list[Marker] = []

    def build(engine: Engine, **options: float) -> Marker:
        made.append(Marker("rule", "7", engine, app.state.engine, **options))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for marker in made:
        marker.close()


def marks(opinions: list[Opinion]) -> list[str]:
    return [opinion.verdict for opinion in opinions]


def submit(session: Session, question: Question, text: str, marker: Marker) -> Answer:
    return practice.submit(session, ME, question, AnswerForm(text=text), grader=marker)


def test_an_answer_is_kept_with_what_the_grader_said_of_each_point(
    session: Session, question: Question, make: Make
) -> None:
    answer = submit(session, question, "Well. Yes 1. Hm, no 2! Perhaps 3?", make(Rule()))
    rows = practice.verdicts(session, [answer])[cast(int, answer.id)]
    assert list(rows) == [point.id for point in question.points]
    assert [row.verdict for row in rows.values()] == [
        "made",
        "contradicted",
        "unsure",
        "missing",
        "missing",
    ]
    assert {(row.grader, row.grader_version) for row in rows.values()} == {("rule", "7")}
    for row in rows.values():
        if row.quote:
            assert row.start is not None
            assert answer.text[row.start :].startswith(row.quote)
    assert rows["point-2"].quote == "Hm, no 2!"


def test_the_engine_is_given_the_rubrics_wordings_and_what_was_asked(
    question: Question, make: Make
) -> None:
    class Prompted(Rule):
        def grade(self, answer, claims, prompt=""):  # type: ignore[no-untyped-def]
            self.prompt = prompt
            return super().grade(answer, claims, prompt)

    engine = Prompted()
    make(engine).grade(question, question.points[:2], "Some text.")
    [claims] = engine.seen
    assert [claim.id for claim in claims] == ["point-1", "point-2"]
    assert claims[0].says == question.points[0].says
    assert claims[0].denies == question.points[0].denies
    assert (claims[0].essential, claims[1].essential) == (True, False)
    assert engine.prompt == question.asks


def fails(answer: str, claim: Claim) -> PointVerdict:
    raise RuntimeError("out of memory")


@pytest.mark.parametrize(
    "engine",
    [Doing(fails), Doing(lambda answer, claim: PointVerdict("other", "made", 1.0))],
    ids=["raises", "speaks of other points"],
)
def test_a_grader_that_fails_leaves_the_answer_kept_and_unmarked(
    session: Session, question: Question, make: Make, engine: Engine
) -> None:
    logging.disable()
    try:
        answer = submit(session, question, "Typed with care.", make(engine))
    finally:
        logging.disable(logging.NOTSET)
    assert practice.history(session, ME) == [answer]
    assert practice.verdicts(session, [answer]) == {answer.id: {}}
    assert practice.grade_again(session, answer, question, make(Rule()))
    assert len(practice.verdicts(session, [answer])[cast(int, answer.id)]) == 5


def test_a_grader_that_takes_too_long_is_not_waited_for(question: Question, make: Make) -> None:
    go_on = threading.Event()

    def wait(answer: str, claim: Claim) -> PointVerdict:
        go_on.wait(30)
        return PointVerdict(claim.id, "made", 1.0)

    try:
        assert make(Doing(wait), timeout=0.05).grade(question, question.points, "Text.") == []
    finally:
        go_on.set()


def test_no_more_answers_are_graded_at_once_than_allowed(question: Question, make: Make) -> None:
    running, most = 0, 0
    lock, pause = threading.Lock(), threading.Event()

    def count(answer: str, claim: Claim) -> PointVerdict:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        pause.wait(0.02)
        with lock:
            running -= 1
        return PointVerdict(claim.id, "missing", 1.0)

    marker = make(Doing(count), at_once=2)
    threads = [
        threading.Thread(target=marker.grade, args=(question, question.points[:1], "Text."))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


@pytest.mark.parametrize("mark", ["made", "contradicted"])
def test_a_mark_without_the_candidates_own_words_is_void(
    question: Question, make: Make, mark: str
) -> None:
    for quote, start in (("Not said.", 0), (None, None), ("", 0)):
        engine = Doing(
            lambda answer, claim, quote=quote, start=start: PointVerdict(
                claim.id,
                mark,  # type: ignore[arg-type]
                0.99,
                quote,
                start,
                None,
            )
        )
        opinions = make(engine).grade(question, question.points, "What was said.")
        assert {(one.verdict, one.quote, one.reason) for one in opinions} == {
            ("unsure", None, "void")
        }


def test_a_form_sent_twice_is_graded_once(session: Session, question: Question, make: Make) -> None:
    engine = Rule()
    marker = make(engine)
    form = AnswerForm(text="Yes 1.", submission="f")
    first = practice.submit(session, ME, question, form, grader=marker)
    second = practice.submit(session, ME, question, form, grader=marker)
    assert first.id == second.id
    assert len(engine.seen) == 1
    assert [len(rows) for rows in practice.opinions(session, first).values()] == [1] * 5


def test_grading_again_leaves_what_the_candidate_settled(
    session: Session, question: Question, make: Make
) -> None:
    answer = submit(session, question, "Yes 1. No 2.", make(Rule()))
    practice.mark(session, answer, question, {"point-1": "missing", "point-2": "contradicted"})
    other = make(Doing(lambda answer, claim: PointVerdict(claim.id, "missing", 0.6)))
    assert practice.grade_again(session, answer, question, other)
    said = practice.opinions(session, answer)
    assert [row.verdict for row in said["point-1"]] == ["made", "missing"]
    assert said["point-1"][-1].grader == "self"
    assert [row.verdict for row in said["point-2"]] == ["contradicted", "missing"]
    before = {point: len(rows) for point, rows in said.items()}
    assert practice.grade_again(session, answer, question, other)
    assert {p: len(rows) for p, rows in practice.opinions(session, answer).items()} == before


def test_a_candidates_verdict_keeps_the_sentence_it_rests_on(
    session: Session, question: Question, make: Make
) -> None:
    answer = submit(session, question, "Yes 1. No 2. Perhaps 3.", make(Rule()))
    practice.mark(session, answer, question, {"point-3": "made", "point-2": "missing"})
    rows = practice.verdicts(session, [answer])[cast(int, answer.id)]
    assert (rows["point-3"].quote, rows["point-3"].start) == ("Perhaps 3.", 13)
    assert (rows["point-2"].quote, rows["point-2"].grader) == (None, "self")
    practice.mark(session, answer, question, {"point-2": "made"})
    rows = practice.verdicts(session, [answer])[cast(int, answer.id)]
    assert rows["point-2"].quote == "No 2."


def test_a_remembered_wording_decides_where_it_is_said_again(
    session: Session, question: Question, make: Make
) -> None:
    marker = make(engine := Rule())
    first = submit(session, question, "The softmax would saturate. More.", marker)
    wordings.remember(session, first, "point-4", "made", "The softmax would saturate.")
    again = marker.grade(question, question.points, "Hm: no 4. the softmax  WOULD saturate!")
    assert marks(again) == ["missing", "missing", "missing", "made", "missing"]
    assert (again[3].quote, again[3].reason, again[3].confidence) == (
        "the softmax  WOULD saturate!",
        "wording",
        1.0,
    )
    assert [claim.id for claim in engine.seen[-1]] == ["point-1", "point-2", "point-3", "point-5"]


def test_another_wording_is_an_example_for_its_point_alone(
    session: Session, question: Question, make: Make
) -> None:
    marker = make(engine := Rule())
    answer = submit(session, question, "It would saturate. It never saturates.", marker)
    wordings.remember(session, answer, "point-4", "made", "It would saturate.")
    wordings.remember(session, answer, "point-4", "contradicted", "It never saturates.")
    marker.grade(question, question.points, "It would not saturate.")
    claims = {claim.id: claim for claim in engine.seen[-1]}
    rubric = question.points[3]
    assert claims["point-4"].says == (*rubric.says, "It would saturate.")
    assert claims["point-4"].denies == (*rubric.denies, "It never saturates.")
    assert claims["point-3"].says == question.points[2].says


def test_a_quote_that_is_a_remembered_wording_decides(
    session: Session, question: Question, make: Make
) -> None:
    first = submit(session, question, "Dull: perhaps 1 it is", make(Rule()))
    wordings.remember(session, first, "point-1", "contradicted", "perhaps 1 it is")

    def clause(answer: str, claim: Claim) -> PointVerdict:
        start = answer.index("Perhaps")
        return PointVerdict(claim.id, "unsure", 0.5, answer[start:], start, len(answer))

    [one, *others] = make(Doing(clause)).grade(question, question.points, "So: Perhaps 1 it is!")
    assert (one.verdict, one.reason) == ("contradicted", "wording")
    assert {other.verdict for other in others} == {"unsure"}


def test_an_answer_of_one_character_is_unsure_whatever_the_engine_would_say(
    question: Question, make: Make
) -> None:
    engine = Doing(lambda answer, claim: PointVerdict(claim.id, "made", 1.0, answer, 0, 1))
    for text in ("x", "?", "…", " 7\n"):
        opinions = make(engine).grade(question, question.points, text)
        assert {(one.verdict, one.reason) for one in opinions} == {("unsure", "short")}


def test_an_answer_in_another_language_is_unsure_whatever_the_engine_would_say(
    question: Question, make: Make
) -> None:
    engine = Doing(lambda answer, claim: PointVerdict(claim.id, "missing", 1.0))
    text = "Die Varianz der Skalarprodukte wächst mit der Dimension, und das ist nicht gut."
    opinions = make(engine).grade(question, question.points, text)
    assert {(one.verdict, one.reason) for one in opinions} == {("unsure", "foreign")}


def test_an_accepted_wording_counts_in_whatever_language(
    session: Session, question: Question, make: Make
) -> None:
    """What is taken for another language may be clipped English: "enc: bidir, dec: causal"."""
    marker = make(Doing(lambda answer, claim: PointVerdict(claim.id, "missing", 1.0)))
    answer = submit(session, question, "Well. Varianz der Skalarprodukte wächst linear.", marker)
    said = "Varianz der Skalarprodukte wächst linear."
    wordings.remember(session, answer, "point-2", "made", said)
    opinions = {one.id: one for one in marker.grade(question, question.points, f"Ja. {said}")}
    assert (opinions["point-2"].verdict, opinions["point-2"].reason) == ("made", "wording")
    assert opinions["point-1"].reason == "foreign"


def test_what_the_engine_cannot_tell_stays_unsure(
    session: Session, question: Question, make: Make
) -> None:
    engine = Doing(lambda answer, claim: PointVerdict(claim.id, "unsure", 0.5))
    answer = submit(session, question, "The variance of what, exactly.", make(engine))
    rows = practice.verdicts(session, [answer])[cast(int, answer.id)]
    assert {row.verdict for row in rows.values()} == {"unsure"}


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "Das Skalarprodukt hat eine Varianz, die mit der Dimension wächst, deshalb teilt man.",
        "On divise par la racine carrée de la dimension pour que la variance reste proche de un.",
        "分母の平方根で割るのは、内積の分散を一定に保つためです。",
    ],
)
def test_the_shipped_engine_gives_no_mark_to_what_it_cannot_read(
    question: Question, make: Make, models: Models, text: str
) -> None:
    opinions = make(grading.Grader(models)).grade(question, question.points, text)
    assert set(marks(opinions)) == {"unsure"}
