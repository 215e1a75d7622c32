"""Histories of candidates who never were, lived through the app's own verbs.

`lived(seed, steps)` is a database in which somebody has practised for that many steps:
drafts, answers, verdicts, sessions of every mode with ratings and steps taken back, notes,
stars, stories, predictions, with days passing in between. The same seed is the same life.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from unittest.mock import patch

from sqlalchemy import Engine, event
from sqlalchemy.pool import StaticPool
from sqlmodel import Session, SQLModel, create_engine, select

from app import drafts, memory, practice, predictions, sessions, stars, steps, wordings
from app.bank import Bank
from app.drafts import DraftForm
from app.grading import PointVerdict
from app.practice import SpokenForm
from app.question import Point, Question
from app.queues import Choice
from app.tables import (
    LOCAL_LEARNER,
    Draft,
    Learner,
    Mark,
    Mode,
    Note,
    PracticeItem,
    PracticeSession,
    Story,
    now,
)

ME = LOCAL_LEARNER
MARKS: tuple[Mark, ...] = ("made", "missing", "contradicted", "unsure")
MODES: tuple[Mode, ...] = ("learn", "review", "quickfire", "mock", "talk", "drill")
WORDS = (
    "variance scores keys queries softmax =SUM(A1) √d_k “quoted” \n\n line @here Ünïcödé 注意 🙂 "
    "<b>bold</b> , ; \t -1 null"
).split(" ")


def empty_database() -> Engine:
    """A database in memory with the tables and the one learner, for one thread."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys = ON"))
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Learner(id=ME, created_at=datetime(2026, 1, 1, tzinfo=UTC)))
        session.commit()
    return engine


def lived(seed: int, count: int, bank: Bank, engine: Engine | None = None) -> Engine:
    """A database after `count` steps of practice; of `engine`, where one is to be lived on in."""
    engine = engine or empty_database()
    life = Life(random.Random(seed), bank)
    with Session(engine) as session:
        life.moment = _latest(session)
        with life.clock():
            for _ in range(count):
                life.step(session)
    return engine


def _latest(session: Session) -> datetime:
    """The moment after which a life in this database goes on."""
    last = max((row.started_at for row in session.exec(select(PracticeSession))), default=None)
    return (last or datetime(2026, 3, 1, 9, tzinfo=UTC)) + timedelta(days=1)


class Life:
    """A candidate with a random generator of their own and a clock that runs as they please."""

    def __init__(self, rng: random.Random, bank: Bank) -> None:
        self.rng = rng
        self.bank = bank
        self.moment = datetime(2026, 3, 1, 9, tzinfo=UTC)
        self.name, self.version = "simulated", str(rng.randint(1, 3))

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Let `now()` tell this life's time wherever the app asks for it."""
        life = self

        class Clock(datetime):
            @classmethod
            def now(cls, zone: Any = None) -> datetime:
                life.moment += timedelta(microseconds=life.rng.randint(1, 5_000_000))
                return life.moment.astimezone(zone)

        with patch("app.tables.datetime", Clock):
            yield

    def step(self, session: Session) -> None:
        """Do one thing that a candidate does, then let some time pass."""
        act = self.rng.choice(
            [self.practise] * 6
            + [self.answer, self.answer, self.draft, self.note, self.star, self.predict]
            + [self.tell, self.settle, self.accept]
        )
        with suppress(sessions.NothingToAsk, steps.Stale, steps.NothingToUndo, drafts.Conflict):
            act(session)
        self.moment += timedelta(hours=self.rng.choice((0, 0, 1, 7, 26, 24 * 9)))

    def text(self) -> str:
        words = self.rng.choices(WORDS, k=self.rng.randint(1, 30))
        return f"{' '.join(words)} {self.rng.getrandbits(40)}".strip()

    def question(self) -> Question:
        return self.rng.choice(list(self.bank.values()))

    def form(self, draft: Draft | None = None) -> SpokenForm:
        return SpokenForm(
            text=self.text(),
            confidence=self.rng.choice((None, "sure", "fairly", "guess")),
            seconds=self.rng.choice((None, 0, 61, 900)),
            revision=draft.revision if draft else 0,
        )

    def grade(
        self, question: Question, points: list[Point] | Any, answer: str
    ) -> list[PointVerdict]:
        """The grader of this life: what it says is as random as the life."""
        return [
            PointVerdict(
                point.id,
                self.rng.choice(MARKS),
                self.rng.random(),
                self.rng.choice((None, answer[:20])),
            )
            for point in points
        ]

    def answer(self, session: Session) -> None:
        question = self.question()
        draft = drafts.find(session, Draft, ME, question.slug)
        zone = session.get_one(Learner, ME).zone
        point = self.rng.choice((None, None, question.points[0].id))
        answer = practice.submit(session, ME, question, self.form(draft), zone=zone, point_id=point)
        marks = {point.id: self.rng.choice(MARKS) for point in question.points}
        practice.mark(session, answer, question, marks)
        if self.rng.random() < 0.3:
            practice.mark(session, answer, question, {question.points[0].id: "made"})

    def accept(self, session: Session) -> None:
        """Have a sentence of the last answer count for a point from now on."""
        for answer in practice.history(session, ME, limit=1):
            point = self.bank[answer.slug].points[0].id
            verdict: wordings.Settled = self.rng.choice(("made", "contradicted"))
            with suppress(wordings.NotAWording):
                wordings.remember(session, answer, point, verdict, answer.text)

    def draft(self, session: Session) -> None:
        question = self.question()
        key = drafts.key(question.slug, self.rng.choice((None, question.points[1].id)))
        self._type(session, Draft, key)

    def note(self, session: Session) -> None:
        self._type(session, Note, self.question().slug)

    def _type(self, session: Session, table: type[Draft] | type[Note], key: str) -> None:
        kept = drafts.find(session, table, ME, key)
        text = f"{kept.text} {self.text()}" if kept and self.rng.random() < 0.7 else self.text()
        form = DraftForm(
            text=text, revision=kept.revision if kept else 0, seconds=self.rng.randint(0, 999)
        )
        drafts.save(session, table, ME, key, form)

    def star(self, session: Session) -> None:
        stars.turn(session, ME, self.question().slug)

    def predict(self, session: Session) -> None:
        choice, outcome = self.rng.randint(0, 2), self.rng.randint(0, 2)
        predictions.predict(session, ME, "self-attention", "/labs/self-attention", choice, outcome)

    def tell(self, session: Session) -> None:
        """Write a story of a project, or go on with one."""
        story = self.rng.choice([None, *session.exec(select(Story))])
        if story is None:
            story = Story(learner_id=ME, title=self.text())
            session.add(story)
        else:
            story.impact, story.revision, story.updated_at = self.text(), story.revision + 1, now()
        session.commit()

    def settle(self, session: Session) -> None:
        """Move house, or learn of the interview's date."""
        learner = session.get_one(Learner, ME)
        learner.zone = self.rng.choice(("UTC", "Asia/Tokyo", "America/St_Johns"))
        learner.day_begins = self.rng.randint(0, 6)
        ahead = self.rng.choice((None, 3, 40))
        learner.interview_on = self.moment.date() + timedelta(days=ahead) if ahead else None
        session.commit()

    def practise(self, session: Session) -> None:
        """Go on with a session, or begin one, for a few steps."""
        learner = session.get_one(Learner, ME)
        unfinished = sessions.unfinished(session, ME)
        if unfinished and self.rng.random() < 0.5:
            sitting = self.rng.choice(unfinished)
        else:
            mode = self.rng.choice(MODES)
            story = None
            if mode == "talk" and sessions.STORY_QUESTION in self.bank:
                story = self.rng.choice([None, *(row.id for row in session.exec(select(Story)))])
            choice = Choice(mode=mode, story=story)
            sitting = sessions.start(session, learner, self.bank, choice, self.rng)
        for _ in range(self.rng.randint(1, 5)):
            self._go_on(session, learner, sitting)

    def _go_on(self, session: Session, learner: Learner, sitting: PracticeSession) -> None:
        asked = sessions.items(session, sitting)
        waiting = sessions.unrated(sitting, asked)
        item = waiting or sessions.current(asked)
        luck = self.rng.random()
        if luck < 0.1:
            steps.undo_last(session, sitting)
        elif luck < 0.13:
            sessions.finish(session, sitting)
        elif waiting:
            question = self.bank[waiting.slug]
            steps.rate(session, learner, sitting, waiting, question, self.rng.randint(1, 4))
        elif item:
            self._answer_item(session, sitting, item, luck)
        else:
            self._rate_afterwards(session, learner, sitting, asked)

    def _answer_item(
        self, session: Session, sitting: PracticeSession, item: PracticeItem, luck: float
    ) -> None:
        question = self.bank[item.slug]
        steps.open_item(session, item)
        if luck < 0.3:
            steps.hint(session, item, question)
        if luck > 0.9:
            steps.give_up(session, sitting, item)
            return
        zone = session.get_one(Learner, ME).zone
        draft = drafts.find(session, Draft, ME, drafts.key(item.slug, item.point_id))
        grader = cast(steps.Grader, self) if self.rng.random() < 0.8 else None
        steps.answer(session, sitting, item, question, self.form(draft), grader, zone)
        if self.rng.random() < 0.2:
            point = question.points[0].id
            steps.answer_again(session, item, question, point, self.form(), grader, zone)

    def _rate_afterwards(
        self,
        session: Session,
        learner: Learner,
        sitting: PracticeSession,
        asked: list[PracticeItem],
    ) -> None:
        for item in asked:
            if item.rated_at is None and item.point_id is None:
                rating = self.rng.randint(1, 4)
                question = self.bank[item.slug]
                steps.rate(session, learner, sitting, item, question, rating)


def known(session: Session, bank: Bank) -> dict[str, Any]:
    """What the queues would know of a learner, as values that can be compared."""
    recalled = memory.recall(session, ME)
    return {
        "cards": {slug: card.model_dump() for slug, card in recalled.cards.items()},
        "practised": recalled.practised,
        "marks": recalled.marks,
        "starred": recalled.starred,
    }
