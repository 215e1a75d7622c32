"""The steps of a session: a hint, an answer, a rating, and one step back.

Every step is committed before it is shown, so that a session resumes where a power cut
left it. An item is open, then answered (or given up), then, where the mode rates, rated.
"""

from contextlib import suppress
from datetime import datetime
from typing import cast

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app import drafts, memory, practice, schedule, sessions, undo
from app.drafts import DraftForm
from app.marking import Grader
from app.practice import SpokenForm
from app.question import Point, Question
from app.queues import Asked
from app.tables import (
    Answer,
    Card,
    Draft,
    Learner,
    Mark,
    PracticeItem,
    PracticeSession,
    Review,
    Verdict,
    now,
)


class Stale(Exception):
    """The step was taken already, in another tab or by another press of the button."""


class NothingToUndo(Exception):
    """The session's last step has been taken back already, or there is none."""


def open_item(session: Session, item: PracticeItem) -> None:
    """Begin to answer, where reading came first."""
    if item.opened_at is None:
        item.opened_at = now()
        session.commit()


def hint(session: Session, item: PracticeItem, question: Question) -> Point:
    """Show a hint: that of the essential point last missed, else of the first essential one."""
    if item.hinted is None:
        if item.answered_at is not None:
            raise Stale
        item.hinted = _hinted_point(session, item, question).id
        session.commit()
    return cast(Point, question.point(item.hinted))


def _hinted_point(session: Session, item: PracticeItem, question: Question) -> Point:
    if item.point_id:
        return cast(Point, question.point(item.point_id))
    marks = memory.latest_marks(session, item.learner_id).get(item.slug, {})
    essential = [point for point in question.points if point.essential]
    return next(
        (point for point in essential if marks.get(point.id) in ("missing", "contradicted")),
        essential[0],
    )


def answer(
    session: Session,
    sitting: PracticeSession,
    item: PracticeItem,
    question: Question,
    form: SpokenForm,
    grader: Grader | None = None,
    zone: str = "UTC",
) -> Answer:
    """Keep the answer to an item, with its verdicts; all of it in one commit.

    Raises Stale where the item has another answer already; the text is then a draft.
    """
    points = _points(item, question)
    given = grader.grade(question, points, form.text) if grader and form.text.strip() else []
    before = undo.snapshot(session, sitting, item)
    try:
        _claim(session, item)
        kept = practice.enter(
            session,
            item.learner_id,
            question,
            form,
            zone=zone,
            point_id=item.point_id,
            story_id=item.story_id,
        )
    except (Stale, IntegrityError):
        session.rollback()
        same = practice.entered(session, item.learner_id, question, form, item.point_id)
        if same and same.id == item.answer_id:
            return same
        _keep_as_draft(session, item, form.text)
        raise Stale from None
    if grader:
        practice.grade(session, kept, given, grader.name, grader.version)
    item.answer_id = kept.id
    if sitting.mode == "mock":
        _follow_up(session, sitting, item, question)
    _move_on(session, sitting, before | {"answer": kept.id})
    return kept


def give_up(session: Session, sitting: PracticeSession, item: PracticeItem) -> None:
    """Go on without an answer. Raises Stale where the item has been answered."""
    before = undo.snapshot(session, sitting, item)
    _claim(session, item)
    _move_on(session, sitting, before)


def answer_again(
    session: Session,
    item: PracticeItem,
    question: Question,
    point_id: str,
    form: SpokenForm,
    grader: Grader | None = None,
    zone: str = "UTC",
) -> Answer:
    """Keep another answer to one point of an item, given after the explanation was read."""
    point = cast(Point, question.point(point_id))
    again = practice.submit(session, item.learner_id, question, form, zone=zone, point_id=point_id)
    if grader and not practice.verdicts(session, [again])[cast(int, again.id)]:
        given = grader.grade(question, [point], form.text)
        practice.grade(session, again, given, grader.name, grader.version)
        session.commit()
    return again


def suggested(session: Session, item: PracticeItem, question: Question) -> int:
    """The rating that the rule gives to the verdicts on an item's own answer."""
    marks: dict[str, Mark] = {}
    if item.answer_id is not None:
        rows = session.exec(
            select(Verdict)
            .where(Verdict.answer_id == item.answer_id)
            .order_by(col(Verdict.created_at), col(Verdict.id))
        )
        marks = {row.point_id: cast(Mark, row.verdict) for row in rows}
    return schedule.suggest(question, marks, hinted=item.hinted is not None)


def rate(
    session: Session,
    learner: Learner,
    sitting: PracticeSession,
    item: PracticeItem,
    question: Question,
    rating: int,
    moment: datetime | None = None,
) -> Card:
    """Rate an answered item: FSRS moves its question's card. Raises Stale if that was done."""
    plan = schedule.plan(learner, moment)
    before = undo.snapshot(session, sitting, item)
    claimed = session.exec(
        update(PracticeItem)
        .where(col(PracticeItem.id) == item.id, col(PracticeItem.rated_at).is_(None))
        .where(col(PracticeItem.answered_at).is_not(None), col(PracticeItem.point_id).is_(None))
        .values(rated_at=plan.moment)
    )
    if not claimed.rowcount:
        session.rollback()
        raise Stale
    card = session.get(Card, (item.learner_id, item.slug))
    rated = schedule.preview(plan, card)[rating]
    if card is None:
        card = Card(learner_id=item.learner_id, slug=item.slug, state=0, due=plan.moment)
        session.add(card)
    schedule.keep(card, rated)
    review = Review(
        learner_id=item.learner_id,
        slug=item.slug,
        item_id=cast(int, item.id),
        answer_id=item.answer_id,
        suggested=suggested(session, item, question),
        rating=rating,
        reviewed_at=plan.moment,
    )
    session.add(review)
    session.flush()
    _move_on(session, sitting, before | {"review": review.id})
    return card


def _points(item: PracticeItem, question: Question) -> list[Point]:
    return [point for point in question.points if item.point_id in (None, point.id)]


def _claim(session: Session, item: PracticeItem) -> None:
    """Be the one that answers the item; two tabs, or two presses, cannot both."""
    claimed = session.exec(
        update(PracticeItem)
        .where(col(PracticeItem.id) == item.id, col(PracticeItem.answered_at).is_(None))
        .values(answered_at=now())
    )
    if not claimed.rowcount:
        raise Stale
    session.refresh(item)


def _keep_as_draft(session: Session, item: PracticeItem, text: str) -> None:
    """What a second tab typed is not an answer, but neither is it lost."""
    key = drafts.key(item.slug, item.point_id)
    with suppress(drafts.Conflict):
        drafts.save(session, Draft, item.learner_id, key, DraftForm(text=text))


def undo_last(session: Session, sitting: PracticeSession) -> None:
    """Take back the session's last step, once. Raises NothingToUndo when that was done."""
    # Taken hold of before it is looked at: of two presses at once the second finds nothing.
    mine = col(PracticeSession.id) == sitting.id
    session.exec(update(PracticeSession).where(mine).values(mode=PracticeSession.mode))
    session.refresh(sitting)
    if sitting.undo is None:
        session.rollback()
        raise NothingToUndo
    undo.restore(session, sitting, sitting.undo)
    session.commit()


def _move_on(session: Session, sitting: PracticeSession, before: undo.Snapshot) -> None:
    """Open the next item, or end the session; the step can be taken back to `before`."""
    sitting.undo = before
    asked = sessions.items(session, sitting)
    following = sessions.current(asked)
    if following is None:
        if sessions.unrated(sitting, asked) is None:
            sitting.finished_at = sitting.finished_at or now()
    elif sitting.mode != "learn":  # there, reading comes first
        following.opened_at = following.opened_at or now()
    session.commit()


def _follow_up(
    session: Session, sitting: PracticeSession, item: PracticeItem, question: Question
) -> None:
    """Ask next for the point that the answer contradicted, else left out, else made unclear."""
    spent = (now() - sitting.started_at).total_seconds() / 60
    if item.point_id or spent > cast(int, sitting.minutes):
        return
    given = practice.verdicts(session, [session.get_one(Answer, item.answer_id)])
    marks = {name: row.verdict for name, row in given[cast(int, item.answer_id)].items()}
    wanted = ("contradicted", "missing", "unsure")
    open_points = [
        point
        for point in question.points
        if point.essential and marks.get(point.id, "unsure") in wanted
    ]
    if not open_points:
        return
    point = min(
        open_points,
        key=lambda point: (wanted.index(marks.get(point.id, "unsure")), -point.weight),
    )
    for later in sessions.items(session, sitting):
        if later.position > item.position:
            later.position += 1
    session.add(
        sessions.make_item(sitting, item.position + 1, Asked("follow_up", item.slug, point.id))
    )
    session.flush()
