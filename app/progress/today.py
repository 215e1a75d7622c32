"""What the first page says of progress, from a few rows: it opens before every session."""

from dataclasses import dataclass
from statistics import fmean
from typing import cast

from sqlmodel import Session, col, select

from app import memory, practice, schedule
from app.bank import Bank
from app.progress import outcome
from app.progress.tallies import Practised
from app.schedule import Plan
from app.tables import Answer, Card, Mark, Verdict

LATELY = 5  # answers


@dataclass(frozen=True)
class Today:
    answers: int
    practised: int  # questions answered at least once
    readiness: float | None  # as on the progress page; none where nothing is rated or marked
    recent: list[Practised]


def look(
    session: Session, learner_id: int, bank: Bank, plan: Plan, cards: dict[str, Card]
) -> Today:
    counts = memory.practised(session, learner_id)
    known = {slug: count for slug, count in counts.items() if slug in bank}
    return Today(
        answers=sum(known.values()),
        practised=len(known),
        readiness=_readiness(session, learner_id, bank, plan, cards),
        recent=_recent(session, learner_id, bank),
    )


def _readiness(
    session: Session, learner_id: int, bank: Bank, plan: Plan, cards: dict[str, Card]
) -> float | None:
    """The mean that `readiness.measure` gives for today, from each question's last answer."""
    is_marked = select(Verdict.id).where(Verdict.answer_id == Answer.id).exists()
    marked = session.exec(
        select(Answer.slug, Answer.id)
        .where(Answer.learner_id == learner_id, col(Answer.point_id).is_(None), is_marked)
        .order_by(col(Answer.created_at), col(Answer.id))
    )
    last = {slug: cast(int, number) for slug, number in marked if slug in bank}
    asked = [question for question in bank.values() if question.deck != "talks"]
    if not last or not any(question.slug in cards for question in asked):
        return None
    found = session.exec(select(Answer).where(col(Answer.id).in_(last.values()))).all()
    verdicts = practice.verdicts(session, list(found))
    shares = {
        slug: outcome.share(
            outcome.rubric(bank[slug]),
            {name: cast(Mark, row.verdict) for name, row in verdicts[number].items()},
        )
        for slug, number in last.items()
    }
    return fmean(
        schedule.retrievability(plan, cards.get(question.slug)) * shares.get(question.slug, 0.0)
        for question in asked
    )


def _recent(session: Session, learner_id: int, bank: Bank) -> list[Practised]:
    answers = [
        row for row in practice.history(session, learner_id, limit=LATELY) if row.slug in bank
    ]
    verdicts = practice.verdicts(session, answers)
    return [
        Practised(
            answer_id=cast(int, row.id),
            slug=row.slug,
            title=bank[row.slug].title,
            topic=bank[row.slug].topic,
            created_at=row.created_at,
            tally=outcome.tally(
                {
                    name: cast(Mark, verdict.verdict)
                    for name, verdict in verdicts[cast(int, row.id)].items()
                }
            ),
        )
        for row in answers
    ]
