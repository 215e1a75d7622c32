"""A candidate's own sentences: where they stand in an answer, and the answer cut where they do."""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.tables import Verdict

# A sentence ends at its mark, or with its line; "e.g." ends none, nor does the dot of 0.5.
SENTENCE = re.compile(
    r"\S.*?(?:(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bcf)[.!?]+[\"'”’)\]]*(?=\s|$)|$)",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Span:
    """A stretch of a text: `text` is exactly `whole[start:end]`."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Piece:
    """A stretch of an answer that the same points quote; those that begin and end with it."""

    text: str
    points: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()


def sentences(text: str) -> list[Span]:
    """The sentences of `text`, in order."""
    return [Span(match[0], *match.span()) for match in SENTENCE.finditer(text)]


def locate(text: str, quote: str | None, start: int | None = None) -> Span | None:
    """Where `quote` stands in `text`: at `start` if it does, else first; None where nowhere."""
    if not quote or not quote.strip():
        return None
    if start is None or start < 0 or text[start : start + len(quote)] != quote:
        start = text.find(quote)
    return Span(quote, start, start + len(quote)) if start >= 0 else None


def locate_words(text: str, quote: str) -> Span | None:
    """Where the words of `quote` stand in `text`, whatever white space parts them."""
    words = quote.split()
    if not words:
        return None
    found = re.search(r"(?<!\w)" + r"\s+".join(map(re.escape, words)) + r"(?!\w)", text)
    return Span(found[0], *found.span()) if found else None


def pieces(text: str, verdicts: Iterable[Verdict]) -> list[Piece]:
    """`text` cut wherever a quote begins or ends; joined again, it is `text`.

    A quote that does not occur in the text is no quote.
    """
    spans = {
        verdict.point_id: span
        for verdict in verdicts
        if (span := locate(text, verdict.quote, verdict.start))
    }
    cuts = {0, len(text)} | {cut for span in spans.values() for cut in (span.start, span.end)}
    edges = sorted(cuts)
    return [
        Piece(
            text[start:end],
            tuple(name for name, span in spans.items() if span.start <= start < span.end),
            tuple(name for name, span in spans.items() if span.start == start),
            tuple(name for name, span in spans.items() if span.end == end),
        )
        for start, end in itertools.pairwise(edges)
    ]
