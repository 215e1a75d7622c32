"""Deleted is deleted: the rows, what was derived from them, and the bytes of the file."""

import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import fsrs
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event
from sqlmodel import Session, col, select

from app import db, document, drafts, erasure, intake, practice, sessions, steps, transfer
from app.bank import Bank
from app.drafts import DraftForm
from app.practice import AnswerForm
from app.queues import Choice
from app.tables import (
    LOCAL_LEARNER,
    Answer,
    Card,
    Draft,
    Learner,
    Note,
    PracticeItem,
    PracticeSession,
    Review,
)
from tests.histories import Life, empty_database, lived

ME = LOCAL_LEARNER
SECRET = "xylophone-manifesto"
SEEDS = st.integers(0, 2**32 - 1)
UNSHRUNK = (Phase.explicit, Phase.generate)


def cards(session: Session) -> dict[str, dict[str, Any]]:
    return {card.slug: card.model_dump() for card in session.exec(select(Card))}


@settings(max_examples=5, deadline=None, phases=UNSHRUNK)
@given(seed=SEEDS)
def test_a_card_made_anew_from_its_ratings_is_the_card(small: Bank, seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Life, "settle", lambda *_: None)  # a plan that moves moves its dates
        engine = lived(seed, 20, small)
    with Session(engine) as session:
        before = cards(session)
        for slug in before:
            erasure.recompute(session, ME, slug)
        assert cards(session) == before


@given(ratings=st.lists(st.integers(1, 4), min_size=2, max_size=6), data=st.data())
@settings(max_examples=8, deadline=None, phases=UNSHRUNK)
def test_without_one_answer_the_card_is_what_fsrs_makes_of_the_others(
    small: Bank, ratings: list[int], data: st.DataObject
) -> None:
    engine = empty_database()
    life = Life(random.Random(0), small)
    question = small["why-scale"]
    with Session(engine) as session, life.clock():
        learner = session.get_one(Learner, ME)
        for rating in ratings:
            choice = Choice(mode="review", question=question.slug)
            sitting = sessions.start(session, learner, small, choice, life.rng)
            [item] = sessions.items(session, sitting)
            steps.answer(session, sitting, item, question, life.form())
            steps.rate(session, learner, sitting, item, question, rating)
            life.moment += timedelta(days=life.rng.randint(0, 9))
        reviews = session.exec(select(Review).order_by(col(Review.reviewed_at))).all()
        gone = data.draw(st.sampled_from(reviews))
        left = [
            fsrs.ReviewLog(1, fsrs.Rating(row.rating), row.reviewed_at, None)
            for row in reviews
            if row is not gone
        ]
        expected = fsrs.Scheduler(enable_fuzzing=False).reschedule_card(fsrs.Card(1), left)
        erasure.erase_answer(session, session.get_one(Answer, gone.answer_id))
        card = session.get_one(Card, (ME, question.slug))
    for name in ("step", "stability", "difficulty", "due", "last_review"):
        assert getattr(card, name) == getattr(expected, name), name


@settings(max_examples=5, deadline=None, phases=UNSHRUNK)
@given(seed=SEEDS)
def test_what_hangs_on_an_answer_goes_with_it_and_nothing_else(small: Bank, seed: int) -> None:
    engine = lived(seed, 15, small)
    with Session(engine) as session:
        for answer in session.exec(select(Answer)).all():
            before = intake.count(session, ME)
            gone = erasure.erase_answer(session, answer)
            assert gone["answer"] == 1
            assert before - intake.count(session, ME) == gone
            rated = set(session.exec(select(Review.slug)))
            assert {card.slug for card in session.exec(select(Card))} == rated
        assert session.exec(select(PracticeItem.answer_id)).all().count(None) == len(
            session.exec(select(PracticeItem)).all()
        )
        session.commit()
        assert _whole(engine)


@settings(max_examples=5, deadline=None, phases=UNSHRUNK)
@given(seed=SEEDS)
def test_a_question_without_its_history_was_never_practised(small: Bank, seed: int) -> None:
    engine = lived(seed, 15, small)
    with Session(engine) as session:
        others = select(Answer).where(Answer.slug != "why-scale")
        kept = len(session.exec(others).all())
        before = intake.count(session, ME)
        gone = erasure.erase_question(session, ME, "why-scale")
        session.commit()
        assert before - intake.count(session, ME) == gone
        for table in (Answer, Card, Review):
            assert not session.exec(select(table).where(table.slug == "why-scale")).all()
        assert not session.exec(select(Draft).where(col(Draft.slug).startswith("why"))).all()
        assert len(session.exec(select(Answer)).all()) == kept
        for sitting in session.exec(select(PracticeSession)):
            asked = sessions.items(session, sitting)
            assert [item.position for item in asked] == list(range(len(asked)))
            assert asked
    assert _whole(engine)


def _whole(engine: Engine) -> bool:
    """Whether an export of the database can be taken in elsewhere."""

    with Session(engine) as session:
        text = "".join(transfer.export(session, ME))
    with Session(empty_database()) as session:
        intake.take_in(session, ME, document.read(text.encode()))
    return True


def test_everything_is_everything(small: Bank) -> None:
    engine = lived(11, 25, small)
    with Session(engine) as session:
        before = intake.count(session, ME)
        session.get_one(Learner, ME).day_begins = 9
        gone = erasure.erase_everything(session, ME)
        session.commit()
        assert gone == +before
        assert not intake.count(session, ME).total()
        assert session.get_one(Learner, ME).day_begins == 4


@pytest.fixture
def written(small: Bank, tmp_path: Path) -> Engine:
    """A database file that holds the secret in every place where text is kept."""
    engine = db.connect(f"sqlite:///{tmp_path}/attend.db")
    # Without SQLite's own overwriting, which a reader may keep from being whole.
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA secure_delete = OFF"))
    db.migrate(engine)
    question = small["why-scale"]
    with Session(engine) as session:
        for number in range(30):  # so that pages are split and freed
            form = AnswerForm(text=f"{SECRET} {number} " * 40)
            practice.submit(session, ME, question, form)
        drafts.save(session, Draft, ME, "why-scale", DraftForm(text=f"{SECRET}, begun"))
        learner = session.get_one(Learner, ME)
        choice = Choice(mode="learn", question="why-scale")
        sitting = sessions.start(session, learner, small, choice, random.Random(0))
        [item] = sessions.items(session, sitting)
        answer = AnswerForm(text=SECRET, revision=0)
        steps.answer(session, sitting, item, question, answer)
        drafts.save(session, Note, ME, "what-is-a-mask", DraftForm(text="something to keep"))
    return engine


def bytes_of(engine: Engine) -> bytes:
    path = Path(str(engine.url.database))
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


@pytest.mark.parametrize("what", ["question", "everything", "answers"])
def test_deleted_text_is_in_no_byte_of_the_files(written: Engine, what: str) -> None:
    assert SECRET.encode() in bytes_of(written)
    with Session(written) as session:
        if what == "question":
            erasure.erase_question(session, ME, "why-scale")
        elif what == "everything":
            erasure.erase_everything(session, ME)
        else:
            for answer in session.exec(select(Answer)).all():
                erasure.erase_answer(session, answer)
            session.delete(session.get_one(Draft, (ME, "why-scale")))
        session.commit()
    assert erasure.wipe(written)
    assert SECRET.encode() not in bytes_of(written)
    assert (b"something to keep" in bytes_of(written)) == (what != "everything")


def test_a_wipe_says_when_a_reader_held_it_up(written: Engine) -> None:
    with written.connect() as reader:
        reader.exec_driver_sql("PRAGMA busy_timeout = 1")
        reader.exec_driver_sql("BEGIN")
        reader.exec_driver_sql("SELECT count(*) FROM answer").all()
        with Session(written) as session:
            erasure.erase_question(session, ME, "why-scale")
            session.commit()
        assert not erasure.wipe(written, patience=0)
    assert erasure.wipe(written)
    assert SECRET.encode() not in bytes_of(written)


def test_no_step_back_brings_a_deleted_answer_back(small: Bank) -> None:
    engine = lived(5, 20, small)
    with Session(engine) as session:
        erasure.erase_question(session, ME, "why-scale")
        session.commit()
        for sitting in session.exec(select(PracticeSession)):
            assert "why-scale" not in json.dumps(sitting.undo or {})
