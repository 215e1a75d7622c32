"""Decks for Anki: the questions with their points, and the points that were not made.

A note's GUID comes from the question's slug and the point's id, so a newer file updates
notes and Anki keeps its own schedule. Formulas are MathML, which Anki's webviews draw.
"""

import html
import io
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import genanki
from sqlmodel import Session, col, select

from app import markdown
from app.question import Point, Question
from app.tables import Answer, Verdict

CSS = """
.card { font-family: Charter, Georgia, serif; font-size: 19px; line-height: 1.5; max-width: 42em;
  margin: auto; padding: 0 1em; text-align: left; }
.about, .essential { font-size: 0.75em; opacity: 0.7; }
blockquote { white-space: pre-wrap; border-left: 3px solid; margin: 0; padding-left: 1em;
  opacity: 0.8; }
pre { white-space: pre-wrap; }
"""
# Anki's MathJax leaves an element of this class alone: a candidate's \\( is not a formula.
AS_IT_IS = "tex2jax_ignore"


@dataclass(frozen=True)
class Missed:
    """A point that was last missed or contradicted, with what the candidate had said."""

    question: Question
    point: Point
    verdict: str
    quote: str | None = None


def find_missed(session: Session, learner_id: int, bank: Mapping[str, Question]) -> list[Missed]:
    """The points of the bank whose last verdict is missing or contradicted, in its order."""
    query = (
        select(Answer.slug, Verdict)
        .join(Answer, col(Verdict.answer_id) == col(Answer.id))
        .where(Verdict.learner_id == learner_id)
        .order_by(col(Answer.created_at), col(Answer.id), col(Verdict.created_at), col(Verdict.id))
    )
    last = {(slug, verdict.point_id): verdict for slug, verdict in session.exec(query)}
    return [
        Missed(question, point, verdict.verdict, verdict.quote)
        for question in bank.values()
        for point in question.points
        if (verdict := last.get((question.slug, point.id)))
        and verdict.verdict in ("missing", "contradicted")
    ]


def _model(name: str, fields: tuple[str, ...], front: str, back: str) -> genanki.Model:
    return genanki.Model(
        _number(name),
        name,
        fields=[{"name": field} for field in fields],
        templates=[{"name": "Card", "qfmt": front, "afmt": f"{front}<hr id=answer>{back}"}],
        css=CSS,
        sort_field_index=0,
    )


def _number(name: str) -> int:
    """The same number for the same name, below 2**31 as Anki wants it."""
    return zlib.crc32(f"attend {name}".encode()) % (1 << 30) + (1 << 30)


QUESTION = _model(
    "Attend question",
    ("Question", "About", "Answer", "Points"),
    '{{Question}}<p class="about">{{About}}</p>',
    "{{Answer}}{{Points}}",
)
MISSED = _model(
    "Attend missed point",
    ("Question", "Hint", "Point", "Explanation", "Said"),
    '{{Question}}<p class="about">{{Hint}}</p>',
    "{{Point}}{{Said}}{{Explanation}}",
)


def questions(bank: Iterable[Question]) -> bytes:
    """An .apkg with a note for every question, in a deck for each of the bank's."""
    decks: dict[str, genanki.Deck] = {}
    for question in bank:
        name = f"Attend::{question.deck.capitalize()}"
        deck = decks.setdefault(name, genanki.Deck(_number(name), name))
        about = f"{question.topic}, {question.difficulty}, {question.minutes} min"
        fields = [
            _asked(question),
            html.escape(about),
            markdown.render(question.sections["In thirty seconds"]),
            f"<ul>{''.join(map(_listed, question.points))}</ul>",
        ]
        deck.add_note(_note(QUESTION, fields, question))
    return _package(decks)


def missed(points: Iterable[Missed]) -> bytes:
    """An .apkg with a note for every point that was last missed or contradicted."""
    name = "Attend::Missed points"
    deck = genanki.Deck(_number(name), name)
    for found in points:
        question, point = found.question, found.point
        fields = [
            _asked(question),
            markdown.render_inline(point.hint),
            f"<p><b>{markdown.render_inline(point.text)}</b></p>",
            markdown.render(question.sections["In thirty seconds"]),
            _said(found),
        ]
        deck.add_note(_note(MISSED, fields, question, point))
    return _package({name: deck})


def _asked(question: Question) -> str:
    return f"<p>{html.escape(question.asks)}</p>"


def _listed(point: Point) -> str:
    flag = ' <span class="essential">essential</span>' if point.essential else ""
    return f"<li>{markdown.render_inline(point.text)}{flag}</li>"


def _said(found: Missed) -> str:
    if not found.quote:
        return ""
    # A bracket, or Anki would play [sound:...] and typeset [latex].
    quote = html.escape(found.quote).replace("[", "&#91;")
    return f'<p class="about">You said:</p><blockquote class="{AS_IT_IS}">{quote}</blockquote>'


def _note(
    model: genanki.Model, fields: list[str], question: Question, point: Point | None = None
) -> genanki.Note:
    return genanki.Note(
        model=model,
        fields=fields,
        guid=genanki.guid_for("attend", question.slug, point.id if point else ""),
        tags=[question.topic, question.difficulty],
    )


def _package(decks: Mapping[str, genanki.Deck]) -> bytes:
    out = io.BytesIO()
    genanki.Package(list(decks.values())).write_to_file(out)
    return out.getvalue()
