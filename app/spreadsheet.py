"""Answers as CSV for a spreadsheet, in which no cell of a candidate's words is a formula."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import cast

from sqlmodel import Session, col, select

from app import practice
from app.question import Question
from app.tables import Answer

# Excel takes a file for UTF-8 only if it begins so; what else reads CSV skips it.
BYTE_ORDER_MARK = "\ufeff"
# What makes a cell a formula in one spreadsheet or another, full-width forms among them.
FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
MARKS = ("made", "missing", "contradicted", "unsure")
COLUMNS = (
    *("answered_at", "zone", "question", "title", "deck", "topic", "point", "text", "words"),
    *("confidence", "seconds", *MARKS),
)


def answers(session: Session, learner_id: int, bank: Mapping[str, Question]) -> Iterator[str]:
    """A heading, then a row for every answer, oldest first, with how its points fell."""
    yield BYTE_ORDER_MARK + _line(COLUMNS)
    query = select(Answer).where(Answer.learner_id == learner_id)
    found = session.exec(query.order_by(col(Answer.created_at), col(Answer.id))).all()
    verdicts = practice.verdicts(session, list(found))
    for answer in found:
        question = bank.get(answer.slug)
        marks = [row.verdict for row in verdicts[cast(int, answer.id)].values()]
        yield _line(
            (
                answer.created_at.isoformat(timespec="seconds"),
                answer.zone,
                answer.slug,
                question.title if question else "",
                question.deck if question else "",
                question.topic if question else "",
                answer.point_id or "",
                answer.text,
                len(answer.text.split()),
                answer.confidence or "",
                "" if answer.seconds is None else answer.seconds,
                *(marks.count(mark) for mark in MARKS),
            )
        )


def harmless(cell: str) -> str:
    """`cell` as text in any spreadsheet: what would be a formula gets an apostrophe before it."""
    return f"'{cell}" if cell.lstrip(" ")[:1] in FORMULA else cell


def _line(cells: tuple[str | int, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([harmless(cell) if isinstance(cell, str) else cell for cell in cells])
    return out.getvalue()
