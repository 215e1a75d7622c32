"""An answer and a list of points to verdicts: made, missing, contradicted or unsure, each with the
candidate's own sentence. Knows no database and no question bank.

A pair classifier reads every claim with what may settle it (model/evidence.py); how sure
it has to be was set on questions that it had not seen (docs/grader.md). What cannot be read is
never marked: another language, a single character.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from app.tables import Mark
from model import proposals
from model.checkpoint import WEIGHTS, Models
from model.clauses import is_other_language
from model.evidence import Calibration, Reading, Scales, usable

GRADER = "pairs"
MARKS: tuple[Mark, Mark, Mark] = ("made", "contradicted", "missing")
MAPS = WEIGHTS / "calibration.json"
PARTS = (WEIGHTS / "grader.safetensors", proposals.PATH, MAPS)
ASSERTS_NOTHING = 0.97  # how sure "missing" is where there is nothing to read


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
    confidence: float  # the chance that the verdict is right, 0 to 1; of "unsure": of the likeliest
    quote: str | None = None
    start: int | None = None
    end: int | None = None


class Grader:
    """Grades answers with the models it is given; threads may share it."""

    def __init__(self, models: Models) -> None:
        self.models = models

    @cached_property
    def scales(self) -> Scales:
        """What weighs; the weights are read when they are first needed."""
        return Scales(self.models.minilm, self.models.pairs, self.models.proposals)

    def grade(self, answer: str, claims: Sequence[Claim], prompt: str = "") -> list[PointVerdict]:
        """A verdict for every claim, in their order. `prompt` is what was asked: repeating it
        makes no point."""
        if not answer.strip():
            return [PointVerdict(claim.id, "missing", 1.0) for claim in claims]
        if not is_readable(answer):
            return [PointVerdict(claim.id, "unsure", 0.0) for claim in claims]
        units = usable(answer, prompt)
        if not units:
            return [PointVerdict(claim.id, "missing", ASSERTS_NOTHING) for claim in claims]
        readings = self.scales.read(units, claims)
        return [decide(claim, reading) for claim, reading in zip(claims, readings, strict=True)]

    def recognise(self, quote: str, wordings: Sequence[str]) -> str | None:
        """Which of these wordings a quote comes to, if any."""
        return self.scales.recognise(quote, wordings)


def is_readable(answer: str) -> bool:
    """Whether there is a word at all, and the language is English."""
    return re.search(r"[^\W\d_]{2}", answer) is not None and not is_other_language(answer)


def decide(claim: Claim, reading: Reading) -> PointVerdict:
    """The likeliest verdict if it is likely enough, else unsure; with the unit that it rests on."""
    calibration = CALIBRATIONS["wordings" if reading.known else "claims"]
    found = calibration.judge(reading)
    likeliest = max(range(3), key=found.chances.__getitem__)
    confidence = round(found.chances[likeliest], 2)
    sure = found.chances[likeliest] >= calibration.sure[likeliest]
    if sure and MARKS[likeliest] == "missing":
        return PointVerdict(claim.id, "missing", confidence)
    unit = found.making if found.chances[0] >= found.chances[1] else found.denying
    mark = MARKS[likeliest] if sure else "unsure"
    return PointVerdict(claim.id, mark, confidence, unit.text, unit.start, unit.end)


def score(verdicts: Sequence[PointVerdict], claims: Sequence[Claim]) -> float:
    """The share of the claims' weight that was made, 0 to 1."""
    made = {verdict.id for verdict in verdicts if verdict.verdict == "made"}
    total = sum(claim.weight for claim in claims)
    return sum(claim.weight for claim in claims if claim.id in made) / total if total else 0.0


def name_version() -> str:
    """Ten signs that change with the weights and with the maps and thresholds that go with them;
    not with the code that cuts and counts."""
    digest = hashlib.sha256()
    for path in PARTS:
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()[:10]


VERSION = name_version()
CALIBRATIONS = {
    mode: Calibration(**maps) for mode, maps in json.loads(MAPS.read_text(encoding="utf-8")).items()
}
