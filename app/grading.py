"""An answer and a list of points to verdicts: made, missing, contradicted or unsure, each with the
candidate's own sentence. Knows no database and no question bank.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.tables import Mark
from model.checkpoint import Models

GRADER = "pairs"
VERSION = "0"  # of weights and thresholds
SENTENCE = re.compile(r"[^.!?;\n]+[.!?;]*")


@dataclass(frozen=True)
class Claim:
    """What an answer may state. `says` and `denies` are wordings known to make and to deny it."""

    id: str
    text: str
    says: tuple[str, ...] = ()
    denies: tuple[str, ...] = ()
    weight: int = 1
    essential: bool = False


@dataclass(frozen=True)
class PointVerdict:
    """What an answer does with one claim; the quote is exactly `answer[start:end]`."""

    id: str
    verdict: Mark
    confidence: float  # that the verdict is right, 0 to 1
    quote: str | None = None
    start: int | None = None
    end: int | None = None


class Grader:
    """Grades answers with the models it is given; threads may share it."""

    def __init__(self, models: Models) -> None:
        self.models = models

    def grade(self, answer: str, claims: Sequence[Claim], prompt: str = "") -> list[PointVerdict]:
        """A verdict for every claim, in their order. `prompt` is what was asked: repeating it
        makes no point."""
        spans = [match.span() for match in SENTENCE.finditer(answer) if match[0].strip()]
        if not spans or not claims:
            return [PointVerdict(claim.id, "missing", 1.0) for claim in claims]
        minilm = self.models.minilm
        sentences = minilm.embed([answer[start:end] for start, end in spans])
        likeness = minilm.embed([claim.text for claim in claims]) @ sentences.T
        verdicts = []
        for claim, row in zip(claims, likeness.tolist(), strict=True):
            best = max(range(len(row)), key=row.__getitem__)
            if row[best] < 0.5:
                verdicts.append(PointVerdict(claim.id, "missing", 1 - max(0.0, row[best])))
                continue
            start, end = spans[best]
            mark: Mark = "made" if row[best] > 0.6 else "unsure"
            quote = answer[start:end]
            verdicts.append(PointVerdict(claim.id, mark, min(1.0, row[best]), quote, start, end))
        return verdicts


def score(verdicts: Sequence[PointVerdict], claims: Sequence[Claim]) -> float:
    """The share of the claims' weight that was made, 0 to 1."""
    made = {verdict.id for verdict in verdicts if verdict.verdict == "made"}
    total = sum(claim.weight for claim in claims)
    return sum(claim.weight for claim in claims if claim.id in made) / total if total else 0.0
