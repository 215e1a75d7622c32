"""What a session came to: by topic, by point, in time, and what to study now."""

from dataclasses import dataclass
from typing import cast

from sqlmodel import Session, col, select

from app import practice, sessions
from app.bank import Bank
from app.question import Point, Question
from app.tables import Answer, PracticeItem, PracticeSession, Review, Verdict


@dataclass(frozen=True)
class Asked:
    """One item of the session with what came of it."""

    item: PracticeItem
    question: Question
    point: Point | None
    answer: Answer | None
    verdicts: dict[str, Verdict]
    review: Review | None

    @property
    def points(self) -> list[Point]:
        """The points that this item asked for."""
        return [point for point in self.question.points if self.point in (None, point)]

    def fell(self, *marks: str) -> list[Point]:
        """The points with one of these verdicts; what nobody marked is unsure."""
        return [point for point in self.points if self.mark(point) in marks]

    def mark(self, point: Point) -> str:
        if self.answer is None:  # given up
            return "missing"
        return self.verdicts[point.id].verdict if point.id in self.verdicts else "unsure"

    @property
    def minutes(self) -> float:
        """What an interviewer would give: the question's minutes, one for a single point."""
        return 1 if self.point else self.question.minutes

    @property
    def words(self) -> int:
        return len(self.answer.text.split()) if self.answer else 0

    @property
    def seconds(self) -> int | None:
        return self.answer.seconds if self.answer else None

    @property
    def pace(self) -> str:
        """The time taken against the time there was, in words."""
        if self.seconds is None:
            return ""
        share = self.seconds / 60 / self.minutes
        return "short" if share < 0.5 else "long" if share > 1.25 else "in time"


@dataclass(frozen=True)
class ByTopic:
    """How the points of a topic fell."""

    topic: str
    made: int
    missing: int
    contradicted: int
    unsure: int

    @property
    def total(self) -> int:
        return self.made + self.missing + self.contradicted + self.unsure


@dataclass(frozen=True)
class Summary:
    asked: list[Asked]
    answered: int
    topics: list[ByTopic]

    @property
    def made(self) -> int:
        return sum(topic.made for topic in self.topics)

    @property
    def points(self) -> int:
        return sum(topic.total for topic in self.topics)

    @property
    def unsure(self) -> int:
        return sum(topic.unsure for topic in self.topics)

    @property
    def seconds(self) -> int:
        return sum(row.seconds or 0 for row in self.asked)

    @property
    def study(self) -> list[tuple[Asked, Point]]:
        """What to study: points contradicted, then essential ones missed, then the others."""
        found = [
            ((mark != "contradicted", not point.essential, -point.weight), row, point)
            for row, point, mark in _last_marks(self.asked)
            if mark in ("contradicted", "missing")
        ]
        return [(row, point) for _, row, point in sorted(found, key=lambda entry: entry[0])]


def _last_marks(asked: list[Asked]) -> list[tuple[Asked, Point, str]]:
    """Each point with its last verdict: a follow-up asks again for one of the answer before."""
    last = {
        (row.question.slug, point.id): (row, point, row.mark(point))
        for row in asked
        for point in row.points
    }
    return list(last.values())


def sum_up(session: Session, sitting: PracticeSession, bank: Bank) -> Summary:
    """The session's answered items, as far as the bank still has their questions."""
    items = [
        item for item in sessions.items(session, sitting) if item.answered_at and item.slug in bank
    ]
    query = select(Answer).where(col(Answer.id).in_([item.answer_id for item in items]))
    answers = {cast(int, answer.id): answer for answer in session.exec(query)}
    verdicts = practice.verdicts(session, list(answers.values()))
    reviews = sessions.reviews(session, sitting)
    asked = [
        Asked(
            item=item,
            question=bank[item.slug],
            point=bank[item.slug].point(item.point_id) if item.point_id else None,
            answer=answers.get(item.answer_id or 0),
            verdicts=verdicts.get(item.answer_id or 0, {}),
            review=reviews.get(cast(int, item.id)),
        )
        for item in items
    ]
    topics = dict.fromkeys(row.question.topic for row in asked)
    return Summary(
        asked=asked,
        answered=len(answers),
        topics=[_by_topic(topic, asked) for topic in topics],
    )


def _by_topic(topic: str, asked: list[Asked]) -> ByTopic:
    marks = [mark for row, _, mark in _last_marks(asked) if row.question.topic == topic]
    return ByTopic(
        topic=topic,
        made=marks.count("made"),
        missing=marks.count("missing"),
        contradicted=marks.count("contradicted"),
        unsure=marks.count("unsure"),
    )
