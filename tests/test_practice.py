"""The practice loop on a fresh database: drafts, submissions, marks."""

import threading
from typing import cast

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlmodel import Session, select

from app import drafts, memory, practice, predictions, progress
from app.drafts import DraftForm
from app.practice import AnswerForm
from app.question import Question
from app.tables import LOCAL_LEARNER, Answer, Draft, Verdict

ME = LOCAL_LEARNER


@pytest.fixture
def question(app: FastAPI) -> Question:
    return cast(Question, app.state.bank["why-scale"])


def submit(session: Session, question: Question, text: str, **fields: object) -> Answer:
    form = AnswerForm.model_validate({"text": text, **fields})
    return practice.submit(session, ME, question, form)


def test_an_answer_is_there_for_another_session(
    app: FastAPI, session: Session, question: Question
) -> None:
    kept = submit(session, question, "Because of the variance.", seconds=12, confidence="fairly")
    with Session(app.state.engine) as other:
        [found] = practice.history(other, ME, question.slug)
        assert found.text == "Because of the variance."
        assert (found.seconds, found.confidence) == (12, "fairly")
        assert found.created_at == kept.created_at
        assert found.created_at.tzinfo is not None


def test_a_form_sent_twice_is_one_answer(session: Session, question: Question) -> None:
    first = submit(session, question, "Same.", submission="f")
    second = submit(session, question, "Same.", submission="f")
    assert first.id == second.id
    assert len(practice.history(session, ME)) == 1


def test_a_form_brought_back_with_another_text_is_another_answer(
    session: Session, question: Question
) -> None:
    submit(session, question, "First thought.", submission="f")
    submit(session, question, "Second thought.", submission="f")
    assert [answer.text for answer in practice.history(session, ME)] == [
        "Second thought.",
        "First thought.",
    ]


def test_without_a_number_each_submission_is_an_answer(
    session: Session, question: Question
) -> None:
    submit(session, question, "Same.")
    submit(session, question, "Same.")
    assert len(practice.history(session, ME)) == 2


def test_two_submissions_at_once_are_one_answer(app: FastAPI, question: Question) -> None:
    together = threading.Barrier(4)
    found: list[int | None] = []

    def send() -> None:
        with Session(app.state.engine) as session:
            together.wait()
            found.append(submit(session, question, "Together.", submission="f").id)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    with Session(app.state.engine) as session:
        assert len(session.exec(select(Answer)).all()) == 1


@pytest.mark.parametrize("text", ["", "   \n\t ", "\0\0"])
def test_an_answer_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="empty"):
        AnswerForm(text=text)


def test_the_longest_answer_is_kept_and_one_character_more_refused() -> None:
    AnswerForm(text="x" * practice.ANSWER_LIMIT)
    with pytest.raises(ValidationError, match=r"20,001 characters; the limit is 20,000"):
        AnswerForm(text="x" * (practice.ANSWER_LIMIT + 1))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_a_draft_comes_back_as_it_was_typed(session: Session, text: str) -> None:
    before = drafts.find(session, Draft, ME, "why-scale")
    form = DraftForm(text=text, revision=before.revision if before else 0)
    drafts.save(session, Draft, ME, "why-scale", form)
    session.expire_all()
    draft = drafts.find(session, Draft, ME, "why-scale")
    assert draft is not None
    assert draft.text == text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def test_a_draft_changed_elsewhere_is_not_overwritten(session: Session) -> None:
    drafts.save(session, Draft, ME, "why-scale", DraftForm(text="one"))
    drafts.save(session, Draft, ME, "why-scale", DraftForm(text="two", revision=1))
    with pytest.raises(drafts.Conflict) as conflict:
        drafts.save(session, Draft, ME, "why-scale", DraftForm(text="other", revision=1))
    assert conflict.value.stored.text == "two"
    with pytest.raises(drafts.Conflict):
        drafts.save(session, Draft, ME, "why-scale", DraftForm(text="other", revision=0))


def test_a_draft_saved_after_its_submission_begins_anew(
    session: Session, question: Question
) -> None:
    drafts.save(session, Draft, ME, "why-scale", DraftForm(text="one"))
    submit(session, question, "one", revision=1)
    draft = drafts.save(session, Draft, ME, "why-scale", DraftForm(text="more", revision=1))
    assert (draft.text, draft.revision) == ("more", 1)


def test_submitting_lets_go_of_the_draft_it_grew_from(session: Session, question: Question) -> None:
    drafts.save(session, Draft, ME, "why-scale", DraftForm(text="Becau"))
    submit(session, question, "Because.", revision=1)
    assert drafts.find(session, Draft, ME, "why-scale") is None
    assert drafts.begun(session, ME) == []


def test_submitting_leaves_a_draft_that_another_tab_took_further(
    session: Session, question: Question
) -> None:
    drafts.save(session, Draft, ME, "why-scale", DraftForm(text="mine"))
    drafts.save(session, Draft, ME, "why-scale", DraftForm(text="further", revision=1))
    submit(session, question, "mine", revision=1)
    draft = drafts.find(session, Draft, ME, "why-scale")
    assert draft is not None
    assert draft.text == "further"


def test_marks_are_kept_as_the_candidates_own(session: Session, question: Question) -> None:
    answer = submit(session, question, "Because.")
    practice.mark(session, answer, question, {"point-1": "made", "point-2": "missing"})
    given_marks = practice.verdicts(session, [answer])[cast(int, answer.id)]
    assert {name: row.verdict for name, row in given_marks.items()} == {
        "point-1": "made",
        "point-2": "missing",
    }
    assert {row.grader for row in given_marks.values()} == {practice.SELF}


def test_a_changed_mark_keeps_the_earlier_one(session: Session, question: Question) -> None:
    answer = submit(session, question, "Because.")
    practice.mark(session, answer, question, {"point-1": "made"})
    practice.mark(session, answer, question, {"point-1": "made"})
    practice.mark(session, answer, question, {"point-1": "contradicted"})
    latest = practice.verdicts(session, [answer])[cast(int, answer.id)]["point-1"]
    assert latest.verdict == "contradicted"
    rows = session.exec(select(Verdict)).all()
    assert [row.verdict for row in rows] == ["made", "contradicted"]


def test_a_mark_for_a_point_that_is_not_there_keeps_none(
    session: Session, question: Question
) -> None:
    answer = submit(session, question, "Because.")
    with pytest.raises(ValueError, match="point-9"):
        practice.mark(session, answer, question, {"point-1": "made", "point-9": "made"})
    session.rollback()
    assert session.exec(select(Verdict)).all() == []


def test_another_learner_sees_nothing_of_it(session: Session, question: Question) -> None:
    answer = submit(session, question, "Mine.")
    assert practice.find_answer(session, ME + 1, cast(int, answer.id)) is None
    assert practice.history(session, ME + 1) == []
    assert memory.practised(session, ME + 1) == {}


def test_progress_counts_answers_and_the_latest_marks(
    app: FastAPI, session: Session, question: Question
) -> None:
    first = submit(session, question, "One.")
    practice.mark(session, first, question, {"point-1": "missing", "point-2": "missing"})
    second = submit(session, question, "Two.")
    practice.mark(session, second, question, {"point-1": "made", "point-2": "contradicted"})
    submit(session, question, "Three, not marked.")
    measured = progress.measure(session, ME, app.state.bank)
    assert (measured.questions, measured.practised, measured.answers) == (2, 1, 3)
    [attention] = [row for row in measured.topics if row.topic == "attention"]
    assert (attention.questions, attention.practised, attention.answers) == (2, 1, 3)
    assert attention.latest == progress.Tally(made=1, missing=0, contradicted=1)
    assert [row.tally.marked for row in measured.recent] == [0, 2, 2]
    assert memory.practised(session, ME) == {"why-scale": 3}


def test_progress_counts_what_was_foreseen_in_labs(app: FastAPI, session: Session) -> None:
    for choice in (0, 1, 1):
        predictions.predict(session, ME, "attention", "/labs/attention", choice, outcome=1)
    measured = progress.measure(session, ME, app.state.bank)
    assert (measured.predictions, measured.foreseen) == (3, 2)
