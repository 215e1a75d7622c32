"""The whole of progress, from rows read once: what the page and its JSON are made of."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlmodel import Session

from app.bank import Bank
from app.progress import (
    calibration,
    effort,
    figures,
    growth,
    habit_figures,
    history,
    mastery,
    memory_figures,
    points,
    predictions,
    readiness,
    recall,
    tallies,
)
from app.progress.calibration import Calibration
from app.progress.effort import Effort, Pace
from app.progress.exhibit import Exhibit
from app.progress.growth import Growth
from app.progress.history import History
from app.progress.mastery import Mastery
from app.progress.points import Points
from app.progress.predictions import Foreseen
from app.progress.readiness import Readiness
from app.progress.recall import Recall
from app.progress.replay import replay
from app.progress.tallies import Progress
from app.queues import is_due


@dataclass(frozen=True)
class Today:
    """What there is to do."""

    due: int
    new: int  # questions never rated that the day may still bring
    days_left: int | None  # to the interview


@dataclass(frozen=True)
class Report:
    """Every part, measured at one moment."""

    tallies: Progress
    today: Today
    readiness: Readiness | None
    mastery: Mastery
    points: Points
    calibration: Calibration
    recall: Recall
    effort: Effort
    pacing: list[Pace]
    foreseen: list[Foreseen]
    growth: Growth
    history: History

    @cached_property
    def levels(self) -> dict[str, str]:
        """The level of each topic."""
        return {row.topic: row.level for row in self.mastery.topics}

    @cached_property
    def exhibits(self) -> dict[str, Exhibit]:
        """The figures by name, in the order of the page."""
        drawn = (
            figures.over_time(self.readiness),
            figures.by_topic(self.readiness),
            figures.levels(self.mastery),
            figures.reliability(self.calibration),
            memory_figures.forgetting(self.recall),
            memory_figures.forecast(self.recall),
            memory_figures.intervals(self.recall),
            habit_figures.calendar(self.effort, self.history.plan.today),
            habit_figures.pacing(self.pacing),
            habit_figures.foreseen(self.foreseen),
        )
        return {exhibit.name: exhibit for exhibit in drawn}


def study(session: Session, learner_id: int, bank: Bank, moment: datetime | None = None) -> Report:
    """Measure everything at `moment`, which is now unless given."""
    rows = history.read(session, learner_id, bank, moment)
    steps = replay(rows)
    return Report(
        tallies=tallies.tally(rows.answers, rows.predictions, bank),
        today=_today(rows),
        readiness=readiness.measure(rows, steps),
        mastery=mastery.measure(rows, steps),
        points=points.measure(rows),
        calibration=calibration.measure(rows),
        recall=recall.measure(rows, steps),
        effort=effort.measure(rows),
        pacing=effort.pacing(session, rows),
        foreseen=predictions.measure(rows),
        growth=growth.measure(rows),
        history=rows,
    )


def _today(rows: History) -> Today:
    first: dict[str, datetime] = {}
    for review in rows.reviews:
        first.setdefault(review.slug, review.at)
    introduced = sum(at >= rows.plan.day_began for at in first.values())
    unseen = sum(slug not in rows.cards for slug in rows.bank)
    return Today(
        due=sum(is_due(card, rows.plan) for card in rows.cards.values()),
        new=min(unseen, max(0, rows.new_per_day - introduced)),
        days_left=rows.plan.days_left,
    )
