"""Mastery: how well a question is held, in levels that can fall.

attempted   it has been answered
familiar    the last marked answer made at least half of its essential points
proficient  the last marked answer was good: the rule of the schedule rates it Good or Easy
mastered    and since the last answer that was not good, one was good in a mixed session, where
            the question came unannounced among others: a review or a mock interview

While FSRS gives a rated question less than 70 % of being recalled, it stands a level lower
than its answers, but not below attempted. A topic stands at the level that two thirds of its
questions have reached.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from app import schedule
from app.progress import outcome
from app.progress.history import Answered, History
from app.progress.replay import Steps
from app.question import TOPICS, Question, Topic

Level = Literal["new", "attempted", "familiar", "proficient", "mastered"]
LEVELS: tuple[Level, ...] = get_args(Level)
RANK = {level: rank for rank, level in enumerate(LEVELS)}
MIXED = frozenset({"review", "mock"})
FORGOTTEN = 0.7  # chance of recall below which a level is lost
OF_TOPIC = 2 / 3


@dataclass(frozen=True)
class TopicMastery:
    topic: Topic
    level: Level
    counts: dict[Level, int]


@dataclass(frozen=True)
class Move:
    """A question that the last session took to another level."""

    slug: str
    title: str
    before: Level
    after: Level

    @property
    def is_up(self) -> bool:
        return RANK[self.after] > RANK[self.before]


@dataclass(frozen=True)
class Mastery:
    levels: dict[str, Level]
    counts: dict[Level, int]
    topics: list[TopicMastery]
    moves: list[Move]
    last_session: datetime | None


def measure(history: History, steps: Mapping[str, Steps]) -> Mastery:
    levels: dict[str, Level] = {}
    for question in history.asked:
        card = history.cards.get(question.slug)
        kept = schedule.retrievability(history.plan, card) if card else None
        answers = history.by_question.get(question.slug, [])
        levels[question.slug] = level_of(history, question, answers, kept)
    last, moves = _last_session(history, steps)
    return Mastery(
        levels=levels,
        counts=_count(levels.values()),
        topics=_by_topic(history, levels),
        moves=moves,
        last_session=last,
    )


def level_of(
    history: History, question: Question, answers: list[Answered], kept: float | None
) -> Level:
    """The level after `answers` to the whole question, at a chance of recall of `kept`."""
    level = _earned(history, question, answers)
    if kept is not None and kept < FORGOTTEN and RANK[level] > RANK["attempted"]:
        return LEVELS[RANK[level] - 1]
    return level


def _earned(history: History, question: Question, answers: list[Answered]) -> Level:
    marked = [answer for answer in answers if answer.verdicts.final]
    if not marked:
        return "attempted" if answers else "new"
    for answer in reversed(marked):
        if not outcome.is_good(question, answer.verdicts.final):
            break
        if history.mode(answer) in MIXED:
            return "mastered"
    last = marked[-1].verdicts.final
    if outcome.is_good(question, last):
        return "proficient"
    is_half = marked[-1].verdicts.share >= 0.5
    return "familiar" if is_half else "attempted"


def _last_session(
    history: History, steps: Mapping[str, Steps]
) -> tuple[datetime | None, list[Move]]:
    """When the last session with an answer began, and what it moved."""
    last = max(
        (answer.session_id for answer in history.answers if answer.session_id),
        key=lambda number: history.sittings[number].started_at,
        default=None,
    )
    if last is None:
        return None, []
    given = [answer for answer in history.answers if answer.session_id == last]
    slugs = dict.fromkeys(answer.slug for answer in given)
    moves = []
    for slug in slugs:
        question = history.bank[slug]
        if question.deck == "talks":
            continue
        began = min(answer.at for answer in given if answer.slug == slug)
        ended = max(answer.at for answer in given if answer.slug == slug)
        answers = history.by_question[slug]
        before = [answer for answer in answers if answer.at < began]
        after = [answer for answer in answers if answer.at <= ended]
        moved = (
            level_of(history, question, before, _kept(history, steps.get(slug, ()), began)),
            level_of(history, question, after, 1.0),
        )
        if moved[0] != moved[1]:
            moves.append(Move(slug, question.title, *moved))
    moves.sort(key=lambda move: RANK[move.after] - RANK[move.before])
    return history.sittings[last].started_at, moves


def _kept(history: History, steps: Steps, moment: datetime) -> float | None:
    """The chance of recall just before `moment`; none where the question was not rated yet."""
    before = [step for step in steps if step.at < moment]
    if not before:
        return None
    return history.plan.scheduler().get_card_retrievability(before[-1].card, moment)


def _by_topic(history: History, levels: dict[str, Level]) -> list[TopicMastery]:
    found = []
    for topic in TOPICS:
        here = [levels[question.slug] for question in history.asked if question.topic == topic]
        if here:
            reached = [level for level in LEVELS if _share(here, level) >= OF_TOPIC]
            found.append(TopicMastery(topic, reached[-1], _count(here)))
    return found


def _share(levels: list[Level], least: Level) -> float:
    return sum(RANK[level] >= RANK[least] for level in levels) / len(levels)


def _count(levels: Iterable[Level]) -> dict[Level, int]:
    given = list(levels)
    return {level: given.count(level) for level in LEVELS}


def said(mastery: Mastery) -> str:
    """Mastery in one sentence."""
    counts = mastery.counts
    up = sum(move.is_up for move in mastery.moves)
    total = sum(counts.values())
    sentence = (
        f"Of {total} questions {counts['mastered']} are mastered, {counts['proficient']} "
        f"proficient, {counts['familiar']} familiar and {counts['attempted']} attempted"
    )
    if mastery.last_session:
        sentence += f"; in the last session {up} went up and {len(mastery.moves) - up} went down"
    return sentence + "."
