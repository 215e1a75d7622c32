"""What an answer holds for and against a claim: the units nearest to it, weighed in pairs, and a
few numbers that sum them up. From those numbers a logistic map, fitted on questions left out of the
training, gives the chances that the claim is made, contradicted or missing.

K units weighed, F numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from model.clauses import Unit, cut, is_foreign, is_keywords, is_prompt, is_question
from model.pairs import Pair, PairReader, has_fast_halves
from model.pretrained import SentenceEncoder

NEAREST = 5  # units weighed for each claim
CLIP = 6.0  # of log-odds
PLAIN = (
    "made, sentences", "made", "denied, sentences", "denied", "made over denied", "likeness",
    "made, second",
)  # fmt: skip
KNOWN = (*PLAIN, "likeness to says", "likeness to denies", "says made", "denies made")


class Claimed(Protocol):
    """A claim, and wordings known to make and to deny it, if any."""

    @property
    def text(self) -> str: ...
    @property
    def says(self) -> tuple[str, ...]: ...
    @property
    def denies(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Evidence:
    """The numbers, in the order of PLAIN or KNOWN, and the units that speak loudest."""

    numbers: tuple[float, ...]
    making: Unit
    denying: Unit


class Scales:
    """Weighs answers against claims with a pair classifier; `minilm` proposes what to weigh."""

    def __init__(self, minilm: SentenceEncoder, pairs: PairReader) -> None:
        self.minilm, self.pairs = minilm, pairs
        self.vector = lru_cache(maxsize=8_000)(self.embed_one)

    def embed(self, texts: list[str]) -> Tensor:
        """Sentence vectors (N, C), in bfloat16 products where these are faster."""
        device = self.minilm.device
        with torch.autocast(device.type, torch.bfloat16, enabled=has_fast_halves(device)):
            return self.minilm.embed(texts)

    def embed_one(self, text: str) -> Tensor:
        """The vector (C,) of a claim or a wording; by itself, so that others make no difference."""
        return self.embed([text])[0]

    def weigh(self, units: Sequence[Unit], claims: Sequence[Claimed]) -> list[Evidence]:
        """The evidence of at least one unit for each claim; claims do not touch each other."""
        vectors = self.embed([unit.text for unit in units])  # (U, C)
        return [self.weigh_one(units, vectors, claim) for claim in claims]

    def weigh_one(self, units: Sequence[Unit], vectors: Tensor, claim: Claimed) -> Evidence:
        """The evidence for one claim."""
        likeness = vectors @ self.vector(claim.text)  # (U, C) -> (U,)
        likest = likeness
        known = bool(claim.says and claim.denies)
        if known:
            to_says = vectors @ self.stack(claim.says).T  # (U, says)
            to_denies = vectors @ self.stack(claim.denies).T  # (U, denies)
            likest = torch.maximum(likeness, torch.cat((to_says, to_denies), dim=1).amax(dim=1))
        chosen = rank(likest)[:NEAREST]
        pairs = [Pair(claim.text, units[i].text, units[i].before) for i in chosen]
        if known:  # what is nearest to a wording, against that wording
            unit, say = divmod(int(to_says.argmax()), len(claim.says))
            other, denial = divmod(int(to_denies.argmax()), len(claim.denies))
            pairs.append(Pair(claim.says[say], units[unit].text, units[unit].before))
            pairs.append(Pair(claim.denies[denial], units[other].text, units[other].before))
        logs = self.pairs.weigh(pairs)  # (K, 3), and two more
        odds = log_odds(logs)  # made, denied, neither
        mine = odds[: len(chosen)]
        numbers = sum_up(mine, [units[i].whole for i in chosen], float(likeness.max()))
        if known:
            numbers += [float(to_says.max()), float(to_denies.max())]
            numbers += [float(odds[-2, 0]), float(odds[-1, 0])]
        making, denying = chosen[int(mine[:, 0].argmax())], chosen[int(mine[:, 1].argmax())]
        return Evidence(tuple(round(n, 3) for n in numbers), units[making], units[denying])

    def stack(self, texts: Sequence[str]) -> Tensor:
        """The vectors (N, C) of wordings."""
        return torch.stack([self.vector(text) for text in texts])


def rank(likeness: Tensor) -> list[int]:
    """The units by likeness (U,), the likest first; equals, to three places, in order."""
    rounded = [round(value, 3) for value in likeness.tolist()]
    return sorted(range(len(rounded)), key=lambda i: -rounded[i])


def log_odds(logs: Tensor) -> Tensor:
    """Log-odds of log-probabilities, kept within CLIP: (K, 3) -> (K, 3)."""
    odds = logs - torch.log1p(-logs.exp().clamp(max=1 - 1e-6))
    return odds.clamp(-CLIP, CLIP)


def sum_up(odds: Tensor, whole: list[bool], likeness: float) -> list[float]:
    """The numbers named in PLAIN, from log-odds (K, 3) of units that are whole sentences or not."""
    made, denied, neither = odds.unbind(dim=1)  # (K,)
    sentences = [place for place, is_whole in enumerate(whole) if is_whole] or list(
        range(len(whole))
    )
    loudest = int(neither.argmin())
    second = float(made.sort(descending=True).values[1]) if len(made) > 1 else -CLIP
    return [
        float(made[sentences].max()),
        float(made.max()),
        float(denied[sentences].max()),
        float(denied.max()),
        float(made[loudest] - denied[loudest]) / 2,
        10 * (likeness - 0.5),
        second,
    ]


def usable(answer: str, prompt: str = "") -> list[Unit]:
    """The units of an answer that assert something, in English, and not only what was asked."""
    return [
        unit
        for unit in cut(answer)
        if not (
            is_keywords(unit)
            or is_question(unit)
            or is_foreign(unit.text)
            or is_prompt(unit, prompt)
        )
    ]


@dataclass(frozen=True)
class Calibration:
    """A logistic map from F numbers to three chances, and how sure each verdict must be."""

    weights: tuple[tuple[float, ...], ...]  # (3, F + 1), the last for a constant
    sure: tuple[float, float, float]  # made, contradicted, missing: at least so likely

    def chances(self, numbers: Sequence[float]) -> tuple[float, float, float]:
        """Of made, contradicted, missing."""
        scores = [
            sum(w * n for w, n in zip(row, (*numbers, 1.0), strict=True)) for row in self.weights
        ]
        powers = [math.exp(score - max(scores)) for score in scores]
        made, contradicted, missing = (power / sum(powers) for power in powers)
        return made, contradicted, missing


def fit(numbers: Tensor, labels: Tensor, decay: float = 0.01) -> tuple[tuple[float, ...], ...]:
    """The weights of the logistic map that makes `labels` (N,) likeliest given `numbers` (N, F)."""
    inputs = torch.cat((numbers, torch.ones(len(numbers), 1)), dim=1).double()  # (N, F + 1)
    weights = torch.zeros(3, inputs.shape[1], dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(inputs @ weights.T, labels)
        loss = loss + decay * weights[:, :-1].square().sum() / 2
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return tuple(tuple(round(w, 4) for w in row) for row in weights.detach().tolist())
