"""Figures of a grader from its verdicts and the labels by hand, and two graders to beat."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, groupby

from model.checkpoint import Models
from model.clauses import cut
from model.wording import IDLE, stem

HALF_RIGHT = ("partial", "shallow", "mixed")
APART = 0.2  # answers whose true scores differ by less are not ranked


@dataclass(frozen=True)
class Scored:
    """One point of one answer: what is true, what was said, and how surely."""

    question: str
    kind: str
    claim: str
    weight: int
    truth: str
    verdict: str
    confidence: float = 1.0


def figures(rows: Sequence[Scored]) -> dict[str, float]:
    """Everything that the grader card reports, by name."""
    half = [row for row in rows if row.kind in HALF_RIGHT]
    found = {}
    for name, some in (("", rows), ("half right: ", half)):
        for label in ("made", "contradicted"):
            precision, recall, f1 = f_score(some, label)
            found[f"{name}{label} precision"] = precision
            found[f"{name}{label} recall"] = recall
            found[f"{name}{label} F1"] = f1
    found["half right: share truly made"] = share(half, lambda row: row.truth == "made")
    found["half right: share ticked"] = share(half, ticked)
    found["contradicted points ticked"] = share(where(rows, truth="contradicted"), ticked)
    found["missing points ticked"] = share(where(rows, truth="missing"), ticked)
    off_topic = where(rows, kind="off-topic", truth="missing")
    found["off-topic points ticked"] = share(off_topic, ticked)
    found["keyword points ticked"] = share(where(rows, kind="keywords"), ticked)
    paraphrased = where(rows, kind="paraphrase", truth="made")
    found["paraphrase recall"] = share(paraphrased, ticked)
    found["made points called contradicted"] = share(
        where(rows, truth="made"), lambda row: row.verdict == "contradicted"
    )
    found["answers ranked right"] = ranking(rows)
    found["unsure"] = share(rows, lambda row: row.verdict == "unsure")
    settled = [row for row in rows if row.verdict != "unsure"]
    found["right where sure"] = share(settled, lambda row: row.verdict == row.truth)
    found["calibration error"] = calibration_error(settled)
    return found


def where(rows: Iterable[Scored], **fields: str) -> list[Scored]:
    """The rows with these values."""
    return [row for row in rows if all(getattr(row, n) == v for n, v in fields.items())]


def ticked(row: Scored) -> bool:
    """Whether the point was counted as made."""
    return row.verdict == "made"


def share(rows: Sequence[Scored], holds: Callable[[Scored], bool]) -> float:
    """The share of the rows for which it holds; 0 of none."""
    return sum(map(holds, rows)) / len(rows) if rows else 0.0


def f_score(rows: Sequence[Scored], label: str) -> tuple[float, float, float]:
    """Precision, recall and F1 of a verdict; "unsure" counts as not given."""
    said = [row for row in rows if row.verdict == label]
    true = [row for row in rows if row.truth == label]
    hits = sum(row.truth == label for row in said)
    precision = hits / len(said) if said else 0.0
    recall = hits / len(true) if true else 0.0
    return precision, recall, 2 * hits / (len(said) + len(true)) if said or true else 0.0


def ranking(rows: Sequence[Scored]) -> float:
    """Of all pairs of answers to one question whose true scores lie apart, the share that the
    given scores put in the right order; equal scores count half."""
    right = total = 0.0
    for _, group in groupby(sorted(rows, key=lambda r: r.question), key=lambda r: r.question):
        scores = []
        for _, points in groupby(sorted(group, key=lambda r: r.kind), key=lambda r: r.kind):
            some = list(points)
            weight = sum(row.weight for row in some)
            true = sum(row.weight for row in some if row.truth == "made") / weight
            scores.append((true, sum(row.weight for row in some if ticked(row)) / weight))
        for (true, given), (other_true, other_given) in combinations(scores, 2):
            if abs(true - other_true) >= APART:
                total += 1
                agree = (given - other_given) * (true - other_true)
                right += 1.0 if agree > 0 else 0.5 if given == other_given else 0.0
    return right / total if total else 0.0


def calibration_error(rows: Sequence[Scored], bins: int = 10) -> float:
    """The mean distance of confidence from the share that is right, over bins of confidence."""
    error = 0.0
    for number in range(bins):
        some = [row for row in rows if min(int(row.confidence * bins), bins - 1) == number]
        if some:
            right = share(some, lambda row: row.verdict == row.truth)
            mean = sum(row.confidence for row in some) / len(some)
            error += abs(right - mean) * len(some) / len(rows)
    return error


def reliability(rows: Sequence[Scored], bins: int = 5) -> list[tuple[str, int, float, float]]:
    """For bins of confidence from a half up: their name, size, mean confidence and share right."""
    found = []
    for number in range(bins):
        low = 0.5 + number * 0.5 / bins
        high = low + 0.5 / bins
        some = [r for r in rows if low <= r.confidence < high or (r.confidence == high == 1)]
        some = [row for row in some if row.verdict != "unsure"]
        if some:
            mean = sum(row.confidence for row in some) / len(some)
            right = share(some, lambda row: row.verdict == row.truth)
            found.append((f"{low:.1f}-{high:.1f}", len(some), mean, right))
    return found


def overlap(answer: str, claims: Sequence[str]) -> list[float]:
    """For every claim the largest share of its words that one sentence of the answer has."""
    spoken = [{stem(word) for word in unit.words} for unit in cut(answer) if unit.whole]
    found = []
    for claim in claims:
        words = {stem(word.strip(".,;:()")) for word in claim.split()} - IDLE
        best = max((len(words & sentence) for sentence in spoken), default=0)
        found.append(best / max(1, len(words)))
    return found


def cosine(models: Models, answer: str, claims: Sequence[str]) -> list[float]:
    """For every claim how near MiniLM puts the nearest sentence of the answer."""
    sentences = [unit.text for unit in cut(answer) if unit.whole]
    if not sentences:
        return [0.0] * len(claims)
    vectors = models.minilm.embed([*sentences, *claims])
    likeness = vectors[len(sentences) :] @ vectors[: len(sentences)].T
    return [float(row.max()) for row in likeness]


def best_threshold(truths: Sequence[str], scores: Sequence[float]) -> float:
    """The threshold at which F1 of "made" is best: chosen on the very answers that are measured,
    which flatters what we compare with."""
    thresholds = sorted(set(scores))

    def f1(threshold: float) -> float:
        said = [score >= threshold for score in scores]
        hits = sum(s and t == "made" for s, t in zip(said, truths, strict=True))
        return 2 * hits / max(1, sum(said) + sum(t == "made" for t in truths))

    return max(thresholds[:: max(1, len(thresholds) // 200)], key=f1)


def tick(rows: Sequence[Scored], scores: Sequence[float]) -> list[Scored]:
    """The same points, ticked where the score reaches the threshold that suits them best."""
    threshold = best_threshold([row.truth for row in rows], scores)
    return [
        replace(row, verdict="made" if score >= threshold else "missing", confidence=1.0)
        for row, score in zip(rows, scores, strict=True)
    ]


def print_figures(columns: dict[str, list[Scored]]) -> None:
    """One row a figure, one column a grader."""
    measured = {name: figures(rows) for name, rows in columns.items()}
    print(f"{'':36}" + "".join(f"{name:>16}" for name in columns))
    for name in next(iter(measured.values())):
        print(f"{name:36}" + "".join(f"{column[name]:16.3f}" for column in measured.values()))


def print_reliability(rows: Sequence[Scored]) -> None:
    """How often verdicts are right, by how sure they are."""
    print("\nconfidence                    points    mean   right")
    for name, count, mean, right in reliability(rows):
        print(f"{name:30}{count:6}{mean:8.2f}{right:8.2f}")
