"""What each mode asks: never twice, due first, everything once before the interview."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import queues, schedule
from app.memory import Memory
from app.question import DECKS, TOPICS, Question
from app.queues import Asked, Choice
from app.schedule import FINAL, Plan
from app.tables import Card, Learner, Mark, Mode

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
MODES: list[Mode] = ["learn", "review", "quickfire", "mock", "drill", "talk"]
NOTHING = Memory(cards={}, practised={}, marks={}, starred=set())


@pytest.fixture
def many(app: FastAPI) -> list[Question]:
    """Forty questions over all decks and topics, from 1 to 12 minutes."""
    model = cast(Question, app.state.bank["why-scale"])
    return [
        model.model_copy(
            update={
                "slug": f"q{number}",
                "deck": DECKS[number % 5],
                "topic": TOPICS[number % len(TOPICS)],
                "difficulty": ("easy", "medium", "hard")[number % 3],
                "minutes": 1 + number % 12,
            }
        )
        for number in range(40)
    ]


def card(slug: str, due: datetime, last: datetime | None = None) -> Card:
    return Card(
        learner_id=1,
        slug=slug,
        state=2,
        stability=5.0,
        difficulty=5.0,
        due=due,
        last_review=last or NOW - timedelta(days=9),
    )


def compose(
    questions: list[Question], known: Memory, seed: int = 0, **choice: object
) -> list[Asked]:
    plan = schedule.plan(Learner(), NOW)
    wanted = Choice.model_validate(choice)
    return queues.compose(wanted, questions, known, plan, 5, random.Random(seed))


memories = st.builds(
    Memory,
    cards=st.dictionaries(st.integers(0, 39), st.integers(-30, 30), max_size=40).map(
        lambda found: {f"q{n}": card(f"q{n}", NOW + timedelta(days=d)) for n, d in found.items()}
    ),
    practised=st.dictionaries(st.integers(0, 39).map("q{}".format), st.integers(1, 9)),
    marks=st.dictionaries(
        st.integers(0, 39).map("q{}".format),
        st.dictionaries(
            st.integers(1, 5).map("point-{}".format),
            st.sampled_from(["made", "missing", "contradicted", "unsure"]),
        ),
    ),
    starred=st.sets(st.integers(0, 39).map("q{}".format)),
)


@SETTINGS
@given(known=memories, mode=st.sampled_from(MODES), seed=st.integers(0, 99))
def test_no_session_asks_the_same_thing_twice(
    many: list[Question], known: Memory, mode: Mode, seed: int
) -> None:
    queue = compose(many, known, seed, mode=mode)
    assert [asked for asked, count in Counter(queue).items() if count > 1] == []


@SETTINGS
@given(known=memories)
def test_a_review_asks_what_is_due_first_the_longest_overdue_before_all(
    many: list[Question], known: Memory
) -> None:
    queue = [asked.slug for asked in compose(many, known, mode="review")]
    due = [known.cards[slug].due for slug in queue if slug in known.cards]
    assert due == sorted(due)
    assert [slug in known.cards for slug in queue] == [True] * len(due) + [False] * (
        len(queue) - len(due)
    )
    end_of_day = datetime(2026, 5, 5, 4, tzinfo=UTC)
    assert sum(card.due < end_of_day for card in known.cards.values()) == len(due)
    assert len(queue) - len(due) <= 5


@SETTINGS
@given(known=memories, only=st.sampled_from(["starred", "unseen", "weak"]))
def test_a_limited_session_keeps_to_its_limit(
    many: list[Question], known: Memory, only: str
) -> None:
    for asked in compose(many, known, mode="mock", only=only):
        question = next(q for q in many if q.slug == asked.slug)
        if only == "starred":
            assert asked.slug in known.starred
        elif only == "unseen":
            assert asked.slug not in known.practised
        else:
            assert schedule.suggest(question, known.marks[asked.slug]) == schedule.AGAIN


@SETTINGS
@given(known=memories)
def test_a_drill_asks_for_points_last_missed_or_contradicted_and_no_others(
    many: list[Question], known: Memory
) -> None:
    wanted: set[tuple[str, str | None]] = {
        (slug, point)
        for slug, marks in known.marks.items()
        for point, mark in marks.items()
        if mark in ("missing", "contradicted")
    }
    found = compose(many, known, mode="drill", count=100)
    assert {(asked.slug, asked.point_id) for asked in found} <= wanted
    assert len(found) == min(100, len(wanted))


def test_a_drill_takes_contradicted_points_first_and_questions_by_turns(
    many: list[Question],
) -> None:
    marks: dict[str, Mark] = {"point-1": "missing", "point-3": "contradicted"}
    known = Memory(cards={}, practised={}, marks={"q0": marks, "q1": marks}, starred=set())
    assert [(asked.slug, asked.point_id) for asked in compose(many, known, mode="drill")] == [
        ("q0", "point-3"),
        ("q1", "point-3"),
        ("q0", "point-1"),
        ("q1", "point-1"),
    ]


@SETTINGS
@given(minutes=st.sampled_from([20, 45, 60]), seed=st.integers(0, 999))
def test_a_mock_interview_fits_its_time_and_mixes(
    many: list[Question], minutes: int, seed: int
) -> None:
    queue = compose(many, NOTHING, seed, mode="mock", minutes=minutes)
    by_slug = {question.slug: question for question in many}
    assert queue[0].kind == "opening"
    assert [asked.kind for asked in queue].count("scenario") == 1
    taken = sum(by_slug[asked.slug].minutes + queues.FOLLOW_UP for asked in queue)
    assert minutes * 0.8 <= taken <= minutes
    middle = [by_slug[asked.slug].topic for asked in queue if asked.kind == "question"]
    assert Counter(middle).most_common(1)[0][1] <= 1 + len(middle) // len(set(middle))


def test_two_interviews_differ(many: list[Question]) -> None:
    drawn = {tuple(compose(many, NOTHING, seed, mode="mock")) for seed in range(5)}
    assert len(drawn) == 5


@SETTINGS
@given(known=memories, ahead=st.integers(FINAL, 30))
def test_in_the_last_days_every_question_is_shown_once_more(
    many: list[Question], known: Memory, ahead: int
) -> None:
    """A candidate who does each day's reviews meets every question before the interview."""
    interview = NOW.date() + timedelta(days=ahead)
    known = Memory(dict(known.cards), known.practised, known.marks, known.starred)
    shown: Counter[str] = Counter()
    began = schedule.plan(Learner(interview_on=interview), NOW).final_began
    last_looks: Counter[str] = Counter()
    for days in range(ahead):
        plan = schedule.plan(Learner(interview_on=interview), NOW + timedelta(days=days))
        for asked in queues.review(many, known, plan, new_left=5):
            before = known.cards.get(asked.slug)
            if plan.is_final:
                shown[asked.slug] += 1
                if before is None or not queues.is_due(before, plan):
                    last_looks[asked.slug] += 1
            due = plan.moment + timedelta(days=plan.longest)
            known.cards[asked.slug] = card(asked.slug, due, plan.moment)
    assert set(shown) == {question.slug for question in many}
    assert max(last_looks.values(), default=0) <= 1
    assert all(card.last_review >= began for card in known.cards.values() if card.last_review)


@pytest.mark.parametrize(
    "fault", [{"mode": "cram"}, {"mode": "mock", "minutes": 30}, {"mode": "review", "count": 0}]
)
def test_a_choice_that_there_is_not_is_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"mode|minutes|count"):
        Choice.model_validate(fault)


def test_the_plan_of_the_day_ends_with_the_day() -> None:
    plan = Plan(moment=NOW, zone="Europe/Paris", day_begins=4)
    assert plan.day_ends - plan.day_began == timedelta(days=1)
    assert plan.day_began <= NOW < plan.day_ends
