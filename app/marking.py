"""What marks answers as they are submitted: a grader with the learner's accepted wordings.

    Engine   reads an answer and claims, knows nothing else: the pairs of app.grading, or a judge
    Marker   an engine for one learner's answers: a bounded number at once, never an exception

A marker that cannot mark gives no verdicts; the answer is kept all the same, unmarked.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from sqlalchemy import Engine as Database
from sqlmodel import Session

from app import wordings
from app.grading import Claim, PointVerdict
from app.question import Point, Question
from app.quotes import locate
from app.tables import LOCAL_LEARNER, Verdict, Wording
from model.checkpoint import CheckpointError
from model.clauses import is_other_language
from model.pretrained import PretrainedError

LOG = logging.getLogger("attend.marking")
TIMEOUT = 20.0  # seconds for an answer, waiting for its turn included
Reason = Literal[
    "wording",  # an accepted wording decided
    "short",  # nothing that could be read
    "foreign",  # not in English
    "void",  # a verdict whose quote the answer does not hold
    "both",  # a judge said that the point is made, and that it is contradicted
    "timeout",  # what follows: a judge that gave no answer
    "unreachable",
    "error",
    "refused",
    "malformed",
]
SILENT: tuple[Reason, ...] = ("timeout", "unreachable", "error", "refused", "malformed")


@dataclass(frozen=True)
class Opinion(PointVerdict):
    """A verdict with what led to it, where that is worth telling."""

    confidence: float | None = None  # type: ignore[assignment]  # a judge's yes has no probability
    reason: Reason | None = None


class Engine(Protocol):
    """What reads: app.grading.Grader, app.judge.Judge, or a test's own."""

    def grade(
        self, answer: str, claims: Sequence[Claim], prompt: str = ""
    ) -> Sequence[PointVerdict]: ...


class Recogniser(Protocol):
    """What tells which of some wordings a quote comes to."""

    def recognise(self, quote: str, wordings: Sequence[str]) -> str | None: ...


class Grader(Protocol):
    """What marks answers when they are submitted, where there is something that does."""

    name: str
    version: str

    def grade(
        self, question: Question, points: Sequence[Point], answer: str
    ) -> Sequence[PointVerdict]: ...


class Marker:
    """Grades with `engine` and the accepted wordings in `database`; threads may share it."""

    def __init__(
        self,
        name: str,
        version: str,
        engine: Engine,
        database: Database,
        *,
        at_once: int = 2,
        timeout: float = TIMEOUT,
        learner_id: int = LOCAL_LEARNER,
        recogniser: Recogniser | None = None,
    ) -> None:
        self.name, self.version, self.learner_id = name, version, learner_id
        self.engine, self.database, self.timeout = engine, database, timeout
        self.recogniser = recogniser
        self.workers = ThreadPoolExecutor(at_once, thread_name_prefix="grader")

    def grade(self, question: Question, points: Sequence[Point], answer: str) -> list[Opinion]:
        """An opinion on each of `points`, in their order; none at all where grading failed."""
        if len(re.findall(r"\w", answer)) < 2:
            return [Opinion(point.id, "unsure", reason="short") for point in points]
        try:
            with Session(self.database) as session:
                known = wordings.of(session, self.learner_id, question.slug)
            work = self.workers.submit(self._grade, question, points, answer, known)
            try:
                return work.result(self.timeout)
            finally:
                work.cancel()  # whoever stopped waiting does not want it begun either
        except TimeoutError:
            LOG.error("no verdicts from %s within %g s", self.name, self.timeout)
        except Exception:
            LOG.exception("no verdicts from %s", self.name)
        return []

    def name_mistakes(
        self, points: Sequence[Point], verdicts: Mapping[str, Verdict]
    ) -> dict[str, str]:
        """The bank's known mistake that each contradicted point's quote comes to, by point id."""
        if self.recogniser is None:
            return {}
        named = {}
        for point in points:
            row = verdicts.get(point.id)
            if row and row.verdict == "contradicted" and row.quote:
                try:
                    named[point.id] = self.recogniser.recognise(row.quote, point.denies)
                except (CheckpointError, PretrainedError, RuntimeError):  # the page goes without
                    LOG.exception("no mistakes named by %s", self.name)
        return {point_id: mistake for point_id, mistake in named.items() if mistake}

    def close(self) -> None:
        """Begin nothing more."""
        self.workers.shutdown(wait=False, cancel_futures=True)

    def _grade(
        self, question: Question, points: Sequence[Point], answer: str, known: list[Wording]
    ) -> list[Opinion]:
        settled = wordings.recognise(answer, known)
        open_points = [point for point in points if point.id not in settled]
        claims = [_claim(point, known) for point in open_points]
        read: Sequence[PointVerdict] = []
        if is_other_language(answer):
            read = [Opinion(claim.id, "unsure", reason="foreign") for claim in claims]
        elif claims:
            read = self.engine.grade(answer, claims, question.asks)
        given = {verdict.id: _checked(answer, verdict) for verdict in read}
        for point_id, opinion in given.items():
            given[point_id] = _as_accepted(opinion, known)
        for point_id, (verdict, span) in settled.items():
            given[point_id] = Opinion(
                point_id, verdict, 1.0, span.text, span.start, span.end, "wording"
            )
        return [given[point.id] for point in points]


def _claim(point: Point, known: Sequence[Wording]) -> Claim:
    """A point as the engines know it, accepted wordings among its examples."""
    return Claim(
        id=point.id,
        text=point.text,
        says=point.says + wordings.accepted(known, point.id, "made"),
        denies=point.denies + wordings.accepted(known, point.id, "contradicted"),
        weight=point.weight,
        essential=point.essential,
    )


def _checked(answer: str, given: PointVerdict) -> Opinion:
    """`given`, its quote held to the answer: a mark without the candidate's words is void."""
    reason = given.reason if isinstance(given, Opinion) else None
    span = locate(answer, given.quote, given.start)
    opinion = Opinion(given.id, given.verdict, given.confidence, None, None, None, reason)
    if span:
        return replace(opinion, quote=span.text, start=span.start, end=span.end)
    if given.verdict in ("made", "contradicted"):
        return Opinion(given.id, "unsure", None, reason="void")
    return opinion


def _as_accepted(opinion: Opinion, known: Sequence[Wording]) -> Opinion:
    """`opinion`, decided by an accepted wording where its quote is one word for word."""
    said: Mapping[str, str] = {
        row.verdict: row.text
        for row in known
        if row.point_id == opinion.id
        and opinion.quote
        and wordings.words(row.text) == wordings.words(opinion.quote)
    }
    for verdict in ("made", "contradicted"):
        if set(said) == {verdict}:
            return replace(opinion, verdict=verdict, confidence=1.0, reason="wording")
    return opinion
