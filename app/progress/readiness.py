"""Readiness: the share of its essential points that you would make of a question asked today.

For each question: FSRS's retrievability now x the share of its essential points that the last
marked answer to the whole of it made. A question never practised counts 0, and so does one
that was answered and never rated, since nothing is known of its forgetting. Readiness is the
mean over all questions but the timed talks; its interval is a bootstrap over questions, as if
the interviewer's were drawn from the same kind as ours.

A past day is computed from the ratings and answers up to its end, verdicts as they stand today.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from app import schedule
from app.progress.exhibit import day, in_percent
from app.progress.history import History
from app.progress.intervals import Numbers, bootstrap
from app.progress.replay import Steps
from app.question import TOPICS, Topic

PACE_OVER = 14  # days
MONTH = 28  # days over which a change is told
SAMPLES = 60  # past days that the line goes through, at most
AGES = 30  # ages at which a question still to come is taken to have, at most


@dataclass(frozen=True)
class Share:
    """A mean share with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class TopicReadiness:
    topic: Topic
    questions: int
    rated: int
    share: Share


@dataclass(frozen=True)
class Projection:
    """Readiness on the day of the interview, at the pace of the last 14 days."""

    day: date
    pace: float  # questions rated for the first time, a day
    new: float  # questions still to come at that pace
    reviewed: float  # with all that falls due reviewed
    left_alone: float  # without any further review


@dataclass(frozen=True)
class Readiness:
    today: Share
    rated: int
    unrated: int  # answered, never rated
    questions: int
    topics: list[TopicReadiness]
    days: list[date]
    line: list[Share]
    projection: Projection | None

    @property
    def month(self) -> float | None:
        """What has been gained in 28 days, where the line goes back as far."""
        then = self.days[-1] - timedelta(days=MONTH)
        if then not in self.days:
            return None
        return self.today.mean - self.line[self.days.index(then)].mean

    @property
    def weakest(self) -> list[TopicReadiness]:
        return sorted(self.topics, key=lambda row: row.share.mean)


def measure(history: History, steps: Mapping[str, Steps]) -> Readiness | None:
    """None where nothing has been rated or marked."""
    asked = history.asked
    rated = {question.slug for question in asked} & history.cards.keys()
    if not rated or not history.shares:
        return None
    days = _sampled(history, steps)
    moments = [history.plan.start_of(one + timedelta(days=1)) for one in days[:-1]]
    today = np.array([_today(history, question.slug) for question in asked])
    line = _shares(np.column_stack([_past(history, steps, moments), today]))
    return Readiness(
        today=line[-1],
        rated=len(rated),
        unrated=sum(
            question.slug in history.by_question and question.slug not in rated
            for question in asked
        ),
        questions=len(asked),
        topics=_by_topic(history, today),
        days=days,
        line=line,
        projection=_project(history, steps),
    )


def last_share(history: History, slug: str) -> float:
    """The share of the last marked answer; 0 where there is none."""
    shares = history.shares.get(slug)
    return shares[-1][1] if shares else 0.0


def _today(history: History, slug: str) -> float:
    kept = schedule.retrievability(history.plan, history.cards.get(slug))
    return kept * last_share(history, slug)


def _past(history: History, steps: Mapping[str, Steps], moments: list[datetime]) -> Numbers:
    """Each question's value at past moments, which ascend: (Q, T)."""
    scheduler = history.plan.scheduler()
    values = np.zeros((len(history.asked), len(moments)))
    for row, question in zip(values, history.asked, strict=True):
        known, shares = steps.get(question.slug, ()), history.shares.get(question.slug, [])
        rated_at, marked_at = [step.at for step in known], [at for at, _ in shares]
        for place, moment in enumerate(moments):
            rated, marked = bisect_right(rated_at, moment), bisect_right(marked_at, moment)
            if rated and marked and (share := shares[marked - 1][1]):
                card = known[rated - 1].card
                row[place] = share * scheduler.get_card_retrievability(card, moment)
    return values


def _sampled(history: History, steps: Mapping[str, Steps]) -> list[date]:
    """Days from the first rating to today, evenly spaced, today the last."""
    today = history.plan.today
    first = min((one[0].at for one in steps.values()), default=history.plan.moment)
    span = (history.plan.moment - first).days
    every = max(1, -(-span // SAMPLES))
    ago = set(range(span // every * every, -1, -every))
    if span >= MONTH:
        ago.add(MONTH)
    return [today - timedelta(days=days) for days in sorted(ago, reverse=True)]


def _shares(values: Numbers) -> list[Share]:
    """Means over questions with their intervals, of each column of `values` (Q, T)."""
    low, high = bootstrap(values)
    means = values.mean(axis=0)
    return [Share(*map(float, row)) for row in zip(means, low, high, strict=True)]


def _by_topic(history: History, today: Numbers) -> list[TopicReadiness]:
    found = []
    for topic in TOPICS:
        places = [at for at, question in enumerate(history.asked) if question.topic == topic]
        if not places:
            continue
        rated = sum(history.asked[at].slug in history.cards for at in places)
        [share] = _shares(today[places][:, None])
        found.append(TopicReadiness(topic, len(places), rated, share))
    return found


def _project(history: History, steps: Mapping[str, Steps]) -> Projection | None:
    """Where the present pace leads by the interview.

    Assumed: what was made of a question stays what it was; questions go on being added at the
    pace of the last 14 days, in even steps, and go as those of these days went. Either nothing
    is reviewed any more, and FSRS's curves fall to the day; or what falls due is reviewed, and
    no retrievability falls below the retention that the schedule works towards on that day.
    """
    plan = history.plan
    if plan.days_left is None or plan.interview_on is None:
        return None
    ahead = plan.days_left
    moment = max(plan.moment, plan.start_of(plan.interview_on))
    floor = schedule.Plan(
        moment, plan.zone, plan.day_begins, plan.interview_on, plan.weights
    ).retention
    slugs = [question.slug for question in history.asked]
    scheduler = plan.scheduler()
    since = plan.moment - timedelta(days=PACE_OVER)
    lately = [slug for slug in slugs if slug in steps and steps[slug][0].at > since]
    pace = len(lately) / PACE_OVER
    new = min(pace * ahead, float(sum(slug not in history.cards for slug in slugs)))
    left_alone = reviewed = 0.0
    for slug in slugs:
        if slug in history.cards:
            later = schedule.Plan(moment, plan.zone, plan.day_begins, weights=plan.weights)
            kept = schedule.retrievability(later, history.cards[slug])
            share = last_share(history, slug)
            left_alone += kept * share
            reviewed += max(kept, floor) * share
    if new:
        shares = [history.shares.get(slug, [(since, 0.0)])[0][1] for slug in lately]
        ages = np.linspace(0, ahead, min(AGES, ahead + 1)).round().tolist()
        for slug, share in zip(lately, shares, strict=True):
            first = steps[slug][0]
            curve = [
                scheduler.get_card_retrievability(first.card, first.at + timedelta(days=age))
                for age in ages
            ]
            weight = new / len(lately) * share
            left_alone += weight * float(np.mean(curve))
            reviewed += weight * float(np.mean(np.maximum(curve, floor)))
    return Projection(
        day=plan.interview_on,
        pace=pace,
        new=new,
        reviewed=reviewed / len(slugs),
        left_alone=left_alone / len(slugs),
    )


def said(readiness: Readiness) -> str:
    """Readiness in one sentence."""
    today, month, ahead = readiness.today, readiness.month, readiness.projection
    low, high = in_percent(today.low), in_percent(today.high)
    sentence = (
        f"Asked a question at random today you would be expected to make {in_percent(today.mean)} "
        f"of its essential points (95 % interval {low} to {high})"
    )
    if month is not None:
        points = round(abs(100 * month))
        noun = "percentage point" if points == 1 else "percentage points"
        sentence += f", {points} {noun} {'more' if month >= 0 else 'fewer'} than four weeks ago"
    if ahead is not None:
        pace = f", at {ahead.pace:.1f} new questions a day," if ahead.new else ""
        sentence += (
            f"; on {day(ahead.day)}{pace} it is {in_percent(ahead.reviewed)} if you review what "
            f"falls due and {in_percent(ahead.left_alone)} if not"
        )
    return sentence + "."
