"""Engines of a few lines, that mark by rules a test can see through."""

from collections.abc import Callable, Sequence

from app.grading import Claim, PointVerdict
from app.quotes import sentences


class Rule:
    """Marks a point made by the first sentence that holds "yes <n>" of `point-<n>`, contradicted
    by "no <n>", unsure by "perhaps <n>", else missing."""

    def __init__(self) -> None:
        self.seen: list[tuple[Claim, ...]] = []

    def grade(self, answer: str, claims: Sequence[Claim], prompt: str = "") -> list[PointVerdict]:
        self.seen.append(tuple(claims))
        return [self._one(answer, claim) for claim in claims]

    def _one(self, answer: str, claim: Claim) -> PointVerdict:
        number = claim.id.removeprefix("point-")
        for span in sentences(answer):
            for word, mark in (("yes", "made"), ("no", "contradicted"), ("perhaps", "unsure")):
                if f"{word} {number}" in span.text.lower():
                    return PointVerdict(
                        claim.id,
                        mark,  # type: ignore[arg-type]
                        0.9,
                        span.text,
                        span.start,
                        span.end,
                    )
        return PointVerdict(claim.id, "missing", 0.8)


class Doing:
    """Grades by a function of the answer and one claim."""

    def __init__(self, one: Callable[[str, Claim], PointVerdict]) -> None:
        self.one = one

    def grade(self, answer: str, claims: Sequence[Claim], prompt: str = "") -> list[PointVerdict]:
        return [self.one(answer, claim) for claim in claims]
