"""When a question comes back: FSRS-6 by the `fsrs` package, bent towards an interview.

Retrievability is the chance that a question is answered now; FSRS lets a question come
back when it has fallen to the desired retention. An interview date raises that retention
over the last weeks and keeps every date before the interview.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any, cast

import fsrs

from app import days
from app.question import Question
from app.tables import Card, Learner, Mark, now

RATINGS = {rating.value: rating.name for rating in fsrs.Rating}  # {1: "Again", ..., 4: "Easy"}
AGAIN, HARD, GOOD, EASY = RATINGS

RETENTION = 0.9  # what FSRS aims at when no interview is near
RETENTION_AT_INTERVIEW = 0.97
RISE = 28  # days over which the one becomes the other
FINAL = 7  # days before the interview in which every question is shown once
LONGEST = 36_500  # days: FSRS's own limit


@dataclass(frozen=True)
class Plan:
    """What the schedule works towards at one moment of one learner's time."""

    moment: datetime
    zone: str
    day_begins: int
    interview_on: date | None = None
    weights: tuple[float, ...] | None = None

    @property
    def today(self) -> date:
        return days.day_of(self.moment, self.zone, self.day_begins)

    def start_of(self, day: date) -> datetime:
        """The moment at which a day of the learner's begins."""
        return days.start_of(day, self.zone, self.day_begins)

    @property
    def day_began(self) -> datetime:
        return self.start_of(self.today)

    @property
    def day_ends(self) -> datetime:
        return self.start_of(self.today + timedelta(days=1))

    @property
    def days_left(self) -> int | None:
        """Days until the interview; none without one, or once it is over."""
        if self.interview_on is None or self.interview_on < self.today:
            return None
        return (self.interview_on - self.today).days

    @property
    def retention(self) -> float:
        """The desired retention: rising evenly over the last weeks before the interview."""
        if self.days_left is None:
            return RETENTION
        risen = max(0.0, 1 - self.days_left / RISE)
        return RETENTION + risen * (RETENTION_AT_INTERVIEW - RETENTION)

    @property
    def longest(self) -> int:
        """Days that an interval may take: none reaches into the day of the interview."""
        if self.interview_on is None or self.days_left is None:
            return LONGEST
        return max(1, (self.start_of(self.interview_on) - self.moment).days)

    @property
    def is_final(self) -> bool:
        """Whether these are the days in which every question is shown once."""
        return self.days_left is not None and self.days_left <= FINAL

    @property
    def final_began(self) -> datetime:
        """The moment from which every question is to be shown once more."""
        last = self.interview_on or self.today
        return self.start_of(last - timedelta(days=FINAL))

    def scheduler(self) -> fsrs.Scheduler:
        """Without fuzz: the date on the button is the date that it sets."""
        chosen: dict[str, Any] = {"parameters": self.weights} if self.weights else {}
        return fsrs.Scheduler(
            desired_retention=self.retention,
            maximum_interval=self.longest,
            enable_fuzzing=False,
            **chosen,
        )


def plan(learner: Learner, moment: datetime | None = None) -> Plan:
    """The plan for `learner` at `moment`, which is now unless given."""
    return Plan(
        moment=moment or now(),
        zone=learner.zone,
        day_begins=learner.day_begins,
        interview_on=learner.interview_on,
        weights=tuple(learner.weights) if learner.weights else None,
    )


def preview(plan: Plan, card: Card | None) -> dict[int, fsrs.Card]:
    """What each of the four ratings would make of `card` (none: never rated), by rating."""
    scheduler = plan.scheduler()
    before = _to_fsrs(card) if card else fsrs.Card(card_id=1, due=plan.moment)
    return {
        rating.value: scheduler.review_card(before, rating, plan.moment)[0]
        for rating in fsrs.Rating
    }


def keep(card: Card, rated: fsrs.Card) -> None:
    """Write what FSRS made of a card into its row."""
    card.state = rated.state.value
    card.step = rated.step
    card.stability = rated.stability
    card.difficulty = rated.difficulty
    card.due = rated.due
    card.last_review = rated.last_review


def replay(learner: Learner, slug: str, ratings: Iterable[tuple[int, datetime]]) -> Card | None:
    """The card that these ratings make of a question, oldest first; none without any."""
    card: Card | None = None
    for rating, moment in ratings:
        rated = preview(plan(learner, moment), card)[rating]
        card = card or Card(learner_id=cast(int, learner.id), slug=slug, state=0, due=moment)
        keep(card, rated)
    return card


def retrievability(plan: Plan, card: Card | None) -> float:
    """The chance that the question is answered at the plan's moment; 0 where never rated."""
    return plan.scheduler().get_card_retrievability(_to_fsrs(card), plan.moment) if card else 0.0


def suggest(question: Question, verdicts: dict[str, Mark], *, hinted: bool = False) -> int:
    """The rating that the rule on the page gives to these verdicts, 1 to 4.

    An essential point missed or contradicted: Again. Else by the weighted share made:
    under 1/2 Again, to 3/4 Hard, to 9/10 Good, above Easy. A hint costs one mark and
    allows Hard at most. What is unsure counts as not made.
    """
    essential = [point.id for point in question.points if point.essential]
    if any(verdicts.get(name) in ("missing", "contradicted") for name in essential):
        return AGAIN
    weights = {point.id: point.weight for point in question.points}
    made = sum(weight for name, weight in weights.items() if verdicts.get(name) == "made")
    share = Fraction(max(0, made - hinted), sum(weights.values()))
    rating = (
        AGAIN
        if share < Fraction(1, 2)
        else HARD
        if share <= Fraction(3, 4)
        else GOOD
        if share <= Fraction(9, 10)
        else EASY
    )
    return min(rating, HARD) if hinted else rating


def _to_fsrs(card: Card) -> fsrs.Card:
    # FSRS takes datetime.timezone.utc and no other zone; the tables give just that.
    return fsrs.Card(
        card_id=1,
        state=fsrs.State(card.state),
        step=card.step,
        stability=card.stability,
        difficulty=card.difficulty,
        due=card.due,
        last_review=card.last_review,
    )
