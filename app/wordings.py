"""Wordings that a candidate had accepted for a point: remembered, and recognised from then on.

A sentence that says the same word for word decides the point. Word for word means: but for
case, punctuation and articles. A spelling mistake more is another wording, since "now" for "not"
or "decoder" for "encoder" would be one too; the grader then has it as an example.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, cast

from sqlmodel import Session, col, delete, select

from app.quotes import Span, sentences
from app.tables import Answer, Wording

Settled = Literal["made", "contradicted"]
LIMIT = 1_000  # characters of one wording
FEWEST = 3  # words: less is not a statement
TOKEN = re.compile(r"\d+(?:[.,]\d+)*|\w+(?:'\w+)*|[^\w\s]")
SILENT = frozenset(".,;:!?\"'()[]{}“”„«»…`—") | {"a", "an", "the"}


class NotAWording(ValueError):
    """What cannot be remembered; the message says why."""


def words(text: str) -> tuple[str, ...]:
    """What is compared: `text` without case, punctuation and articles. Signs of formulas stay."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return tuple(token for token in TOKEN.findall(plain) if token not in SILENT)


def of(session: Session, learner_id: int, slug: str) -> list[Wording]:
    """What the learner had accepted for a question, oldest first."""
    query = select(Wording).where(Wording.learner_id == learner_id, Wording.slug == slug)
    return list(session.exec(query.order_by(col(Wording.id))))


def remember(
    session: Session, answer: Answer, point_id: str, verdict: Settled, text: str
) -> Wording:
    """Keep a stretch of `answer` as a wording that makes, or contradicts, a point.

    It replaces the same wording of that point. Raises NotAWording with the reason.
    """
    text = text.strip()
    if text not in answer.text:
        raise NotAWording("the sentence is not one of this answer")
    if len(words(text)) < FEWEST:
        raise NotAWording(f"a wording needs at least {FEWEST} words")
    if len(text) > LIMIT:
        raise NotAWording(f"a wording has at most {LIMIT:,} characters")
    for row in of(session, answer.learner_id, answer.slug):
        if row.point_id == point_id and words(row.text) == words(text):
            if row.verdict == verdict:
                return row
            session.delete(row)
    kept = Wording(
        learner_id=answer.learner_id,
        slug=answer.slug,
        point_id=point_id,
        text=text,
        verdict=verdict,
    )
    session.add(kept)
    session.commit()
    return kept


def forget(session: Session, learner_id: int, slug: str, wording_id: int) -> None:
    """Let go of a wording; once more changes nothing."""
    session.exec(
        delete(Wording)
        .where(col(Wording.id) == wording_id, col(Wording.learner_id) == learner_id)
        .where(col(Wording.slug) == slug)
    )
    session.commit()


def recognise(answer: str, known: Iterable[Wording]) -> Mapping[str, tuple[Settled, Span]]:
    """For each point that a sentence of `answer` settles word for word: how, and which sentence.

    A point that is both made and contradicted in this way is left to the grader.
    """
    said = {words(span.text): span for span in reversed(sentences(answer))}
    found: dict[str, dict[Settled, Span]] = {}
    for wording in known:
        if span := said.get(words(wording.text)):
            found.setdefault(wording.point_id, {})[cast(Settled, wording.verdict)] = span
    return {point: next(iter(by.items())) for point, by in found.items() if len(by) == 1}


def accepted(known: Sequence[Wording], point_id: str, verdict: Settled) -> tuple[str, ...]:
    """The wordings of one point that were accepted as `verdict`."""
    return tuple(
        wording.text
        for wording in known
        if wording.point_id == point_id and wording.verdict == verdict
    )
