"""What a session asks, and in which order: one function for each mode, no database."""

import math
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.memory import Memory
from app.question import Deck, Difficulty, Question, Topic
from app.schedule import Plan, retrievability
from app.tables import Card, Kind, Mode, RowId

COUNTS: dict[Mode, int] = {"learn": 5, "review": 100, "quickfire": 20, "drill": 10}
FOLLOW_UP = 1  # minutes that a mock interview keeps for the follow-up to each question
NEVER = datetime.min.replace(tzinfo=UTC)


# A form sends a number as text, which no literal number equals.
AS_SENT = BeforeValidator(lambda value: int(value) if str(value).isdecimal() else value)


class Choice(BaseModel):
    """What a session is to be. `question` or `story` ask for that one alone."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode
    deck: Deck | None = None
    topic: Topic | None = None
    difficulty: Difficulty | None = None
    only: Literal["starred", "unseen", "weak"] | None = None
    count: int | None = Field(default=None, ge=1, le=100)
    minutes: Annotated[Literal[20, 45, 60] | None, AS_SENT] = None
    question: str | None = None
    story: RowId | None = None


class Asked(NamedTuple):
    """One thing that a session asks."""

    kind: Kind
    slug: str
    point_id: str | None = None
    story_id: int | None = None


def compose(
    choice: Choice,
    questions: Sequence[Question],
    memory: Memory,
    plan: Plan,
    new_left: int,
    rng: random.Random,
) -> list[Asked]:
    """The queue for `choice` out of `questions`, which its deck, topic and difficulty have left.

    `new_left` is how many questions never rated the day's reviews may still bring.
    """
    questions = [question for question in questions if fits(choice, question, memory)]
    count = choice.count or COUNTS.get(choice.mode, 1)
    match choice.mode:
        case "learn":
            queue = _asked(q for q in questions if q.slug not in memory.practised)
        case "review":
            queue = review(questions, memory, plan, new_left)
        case "quickfire":
            queue = _asked(q for q in questions if q.deck == "quickfire")
            rng.shuffle(queue)
        case "drill":
            return drill(questions, memory)[:count]
        case "talk":
            queue = [Asked("talk", q.slug) for q in questions if q.parts]
            queue.sort(key=lambda asked: memory.practised.get(asked.slug, 0))
        case "mock":
            return mock(questions, choice.minutes or 45, rng)
    return queue[:count]


def fits(choice: Choice, question: Question, memory: Memory) -> bool:
    """Whether the question is one of those that the choice is limited to."""
    match choice.only:
        case "starred":
            return question.slug in memory.starred
        case "unseen":
            return question.slug not in memory.practised
        case "weak":
            return memory.is_weak(question)
    return True


def is_due(card: Card, plan: Plan) -> bool:
    """Whether the card comes back before the plan's day is over."""
    return card.due < plan.day_ends


def review(questions: Sequence[Question], memory: Memory, plan: Plan, new_left: int) -> list[Asked]:
    """What is due, longest overdue first; then questions never rated, as many as the day allows.

    In the last days before an interview the latter are replaced by an even share of all
    questions not rated since those days began, weakest first: each is seen once more.
    """
    rated = [question for question in questions if question.slug in memory.cards]
    due = sorted(
        (question for question in rated if is_due(memory.cards[question.slug], plan)),
        key=lambda question: memory.cards[question.slug].due,
    )
    if plan.is_final:
        return _asked(due + _last_look(questions, due, memory, plan))
    new = [question for question in questions if question.slug not in memory.cards]
    return _asked(due + new[: max(0, new_left)])


def _last_look(
    questions: Sequence[Question], due: Sequence[Question], memory: Memory, plan: Plan
) -> list[Question]:
    """Today's even share of the questions that the last days have not shown yet."""

    def shown_at(question: Question) -> datetime:
        card = memory.cards.get(question.slug)
        return (card and card.last_review) or NEVER

    coming = {question.slug for question in due}
    left = [
        question
        for question in questions
        if question.slug not in coming and shown_at(question) < plan.final_began
    ]
    left.sort(key=lambda question: retrievability(plan, memory.cards.get(question.slug)))
    return left[: math.ceil(len(left) / max(1, plan.days_left or 0))]


def drill(questions: Sequence[Question], memory: Memory) -> list[Asked]:
    """Points that were last missed or contradicted, one of each question by turns."""
    unmade = [(question.slug, memory.unmade(question)) for question in questions]
    rounds = max((len(points) for _, points in unmade), default=0)
    return [
        Asked("point", slug, points[turn])
        for turn in range(rounds)
        for slug, points in unmade
        if turn < len(points)
    ]


def mock(questions: Sequence[Question], minutes: int, rng: random.Random) -> list[Asked]:
    """An interview of about `minutes`: an opening, mixed topics around one scenario.

    Time is kept for a follow-up to every question; the follow-ups themselves are drawn
    from the answers.
    """
    pool = [question for question in questions if question.deck != "talks"]
    rng.shuffle(pool)
    scenarios = [q for q in pool if q.deck == "scenarios" and q.minutes <= minutes / 2]
    plain = [q for q in pool if q.deck != "scenarios"]
    opening = min(plain, key=lambda q: (q.difficulty != "easy", q.minutes), default=None)
    scenario = scenarios[0] if scenarios else None
    taken = [q for q in (opening, scenario) if q]
    left = minutes - sum(q.minutes + FOLLOW_UP for q in taken)
    middle: list[Question] = []
    for question in _by_turns(q for q in plain if q is not opening):
        if question.minutes + FOLLOW_UP <= left:
            middle.append(question)
            left -= question.minutes + FOLLOW_UP
    half = (len(middle) + 1) // 2
    return [
        *([Asked("opening", opening.slug)] if opening else []),
        *_asked(middle[:half]),
        *([Asked("scenario", scenario.slug)] if scenario else []),
        *_asked(middle[half:]),
    ]


def _by_turns(questions: Iterable[Question]) -> list[Question]:
    """One question of each topic, then a second of each, and so on."""
    seen: dict[str, int] = {}
    turns = []
    for question in questions:
        seen[question.topic] = seen.get(question.topic, 0) + 1
        turns.append((seen[question.topic], question))
    return [question for _, question in sorted(turns, key=lambda pair: pair[0])]


def _asked(questions: Iterable[Question]) -> list[Asked]:
    return [Asked("question", question.slug) for question in questions]
