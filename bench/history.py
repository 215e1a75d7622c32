"""A made-up candidate: a seeded history of practice, for benches and tests, never for the app.

Each answer goes the way of a real one: a session asks, the answer makes a point with a chance
that grows with practice and falls with forgetting, a grader marks it and errs at times, the
candidate corrects some of that and rates, FSRS (app.schedule itself) sets the next date.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, SQLModel

from app import schedule
from app.bank import Bank
from app.question import Question
from app.tables import (
    Answer,
    Card,
    LabPrediction,
    Learner,
    Mark,
    PracticeItem,
    PracticeSession,
    Review,
    Verdict,
)

MODES = ("review", "review", "learn", "quickfire", "mock")
SAYS = {"sure": 0.85, "fairly": 0.6, "guess": 0.0}  # chance, as felt, from which each is said
ZONES = ("Europe/Paris", "Europe/Paris", "Europe/Paris", "America/New_York")


@dataclass
class Candidate:
    """What the simulation remembers between answers, and the rows that it has made."""

    learner: Learner
    rng: random.Random
    cards: dict[str, Card] = field(default_factory=dict)
    practised: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rows: dict[type[SQLModel], list[dict[str, Any]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    numbers: dict[type[SQLModel], Any] = field(default_factory=lambda: defaultdict(count))

    def add(self, table: type[SQLModel], **columns: Any) -> int:
        number: int = next(self.numbers[table]) + 1
        self.rows[table].append({"id": number, "learner_id": self.learner.id, **columns})
        return number


def simulate(
    session: Session,
    learner: Learner,
    bank: Bank,
    *,
    until: datetime,
    answers: int = 5_000,
    days: int = 365,
    seed: int = 1,
) -> None:
    """Fill an empty database with `answers` to whole questions over the `days` up to `until`."""
    one = Candidate(learner, random.Random(seed))
    active = [day for day in range(days, 0, -1) if one.rng.random() < 0.8] or [1]
    left = answers
    for place, ago in enumerate(active):
        evening = until - timedelta(days=ago, hours=-3)
        today = round(left / (len(active) - place))
        left -= today
        while today > 0:
            size = min(today, one.rng.randint(5, 9))
            evening = _sit(one, bank, evening, size) + timedelta(minutes=20)
            today -= size
    for table, rows in one.rows.items():
        session.execute(insert(table), rows)
    session.add_all(one.cards.values())
    session.commit()


def _sit(one: Candidate, bank: Bank, moment: datetime, size: int) -> datetime:
    """One session of `size` questions; sometimes a question is left open at its end."""
    rng = one.rng
    mode = rng.choice(MODES)
    pool = [question for question in bank.values() if question.deck != "talks"]
    unseen = [question for question in pool if question.slug not in one.practised]
    plan = schedule.plan(one.learner, moment)
    seen = [question for question in pool if question.slug in one.practised]
    seen.sort(key=lambda question: schedule.retrievability(plan, one.cards.get(question.slug)))
    fresh = unseen[: size if not seen else int(rng.random() < 0.1)]
    queue = (fresh + seen[: size - len(fresh)])[:size] or [rng.choice(pool)]
    queue += [rng.choice(queue) for _ in range(size - len(queue))]
    sitting = one.add(PracticeSession, mode=mode, started_at=moment, minutes=None)
    zone = rng.choice(ZONES) if rng.random() < 0.1 else one.learner.zone
    for place, question in enumerate(queue):
        moment = _answer(one, question, sitting, place, mode, moment, zone)
    if rng.random() < 0.1:
        _item(one, sitting, len(queue), rng.choice(pool), moment)
    else:
        one.rows[PracticeSession][-1]["finished_at"] = moment
    one.rows[PracticeSession][-1].setdefault("finished_at", None)
    if rng.random() < 0.3:
        _predict(one, queue[0], moment)
    return moment


def _item(
    one: Candidate, sitting: int, place: int, question: Question, at: datetime, **more: Any
) -> int:
    columns = {"answer_id": None, "answered_at": None, "rated_at": None, "point_id": None, **more}
    kind = "point" if columns["point_id"] else "question"
    return one.add(
        PracticeItem,
        session_id=sitting,
        position=place,
        kind=kind,
        slug=question.slug,
        opened_at=at,
        **columns,
    )


def _answer(
    one: Candidate,
    question: Question,
    sitting: int,
    place: int,
    mode: str,
    moment: datetime,
    zone: str,
) -> datetime:
    rng, slug = one.rng, question.slug
    plan = schedule.plan(one.learner, moment)
    kept = schedule.retrievability(plan, one.cards.get(slug)) if slug in one.cards else 0.5
    skill = 0.97 - 0.5 * 0.8 ** one.practised[slug]
    chance = skill * (0.4 + 0.6 * kept)
    made: dict[str, Mark] = {point.id: _mark(rng, chance) for point in question.points}
    felt = chance + rng.gauss(0.05, 0.2)
    seconds = round(60 * question.minutes * rng.lognormvariate(-0.2, 0.4))
    done = moment + timedelta(seconds=seconds)
    answer = one.add(
        Answer,
        slug=slug,
        point_id=None,
        text=_write(rng, question, made),
        confidence=next((name for name, least in SAYS.items() if felt >= least), "guess"),
        seconds=seconds,
        zone=zone,
        submission=f"made-up-{len(one.rows[Answer])}",
        created_at=done,
    )
    _grade(one, answer, made, done)
    item = _item(one, sitting, place, question, moment, answer_id=answer, answered_at=done)
    one.practised[slug] += 1
    suggested = schedule.suggest(question, made)
    rating = suggested if rng.random() < 0.85 else rng.randint(1, 4)
    card = one.cards.get(slug)
    rated = schedule.preview(schedule.plan(one.learner, done), card)[rating]
    if card is None:
        card = one.cards[slug] = Card(learner_id=one.learner.id, slug=slug, state=0, due=done)
    schedule.keep(card, rated)
    one.rows[PracticeItem][-1]["rated_at"] = done
    one.add(
        Review,
        slug=slug,
        item_id=item,
        answer_id=answer,
        suggested=suggested,
        rating=rating,
        reviewed_at=done,
    )
    missed = [point for point, mark in made.items() if mark != "made"]
    if missed and rng.random() < 0.1:
        _answer_point(one, question, missed[0], done, zone)
    return done + timedelta(seconds=30)


def _mark(rng: random.Random, chance: float) -> Mark:
    if rng.random() < chance:
        return "made"
    return "contradicted" if rng.random() < 0.15 else "missing"


def _write(rng: random.Random, question: Question, marks: dict[str, Mark]) -> str:
    said = []
    for point in question.points:
        mark = marks[point.id]
        if mark != "missing":
            said.append(rng.choice(point.says if mark == "made" else point.denies))
    return " ".join(said) or "I do not remember."


def _grade(one: Candidate, answer: int, made: dict[str, Mark], at: datetime) -> None:
    """A grader that errs more often where it is less sure; half of its errors are corrected."""
    rng = one.rng
    for point, mark in made.items():
        confidence = round(rng.betavariate(8, 1.5), 3)
        right = rng.random() < 0.3 + 0.7 * confidence
        given: Mark = mark if right else rng.choice([m for m in _OTHERS if m != mark])
        row = {"answer_id": answer, "point_id": point, "quote": None, "created_at": at}
        graded = {"grader": "pairs", "grader_version": "0", "confidence": confidence}
        one.add(Verdict, verdict=given, **graded, **row)
        if given != mark and rng.random() < 0.5:
            own = {"grader": "self", "grader_version": "1", "confidence": None}
            one.add(Verdict, verdict=mark, **own, **row)


_OTHERS: tuple[Mark, ...] = ("made", "missing", "contradicted", "unsure")


def _answer_point(one: Candidate, question: Question, point: str, at: datetime, zone: str) -> None:
    answer = one.add(
        Answer,
        slug=question.slug,
        point_id=point,
        text="Now I see.",
        confidence=None,
        seconds=40,
        zone=zone,
        submission=f"made-up-{len(one.rows[Answer])}",
        created_at=at,
    )
    _grade(one, answer, {point: "made"}, at)


def _predict(one: Candidate, question: Question, at: datetime) -> None:
    lab, outcome = question.labs[0], one.rng.randint(0, 1)
    choice = outcome if one.rng.random() < 0.7 else 1 - outcome
    address = f"/labs/{lab}"
    one.add(LabPrediction, lab=lab, address=address, choice=choice, outcome=outcome, created_at=at)
