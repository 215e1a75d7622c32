"""What an answer holds for and against a claim, in three steps: MiniLM's vectors propose the units
that may settle the claim (model/proposals.py); the pair classifier weighs them, and a logistic map
joins its word with likeness and with what can be counted (model/counting.py); a second map goes
from the loudest units to the chances that the claim is made, contradicted or missing. Both maps are
fitted on questions left out of the training (model/calibrate.py).

K units weighed, F numbers.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from model.clauses import Unit, cut, drop_keywords, is_foreign, is_prompt, is_question
from model.counting import compare, rule_out
from model.pairs import MADE, NEITHER, Pair, PairReader, has_fast_halves, keep_halves
from model.pretrained import SentenceEncoder

NEAREST = {False: 6, True: 4}  # units weighed for each claim; fewer where wordings are known
AGAIN = {False: 3, True: 2}  # of these the likeliest to settle it, which the second reader reads
CLIP = 6.0  # of log-odds
RECOGNISED = 0.8  # how likely it must be that a passage says what a wording says


class Claimed(Protocol):
    """A claim, and wordings known to make and to deny it, if any."""

    @property
    def text(self) -> str: ...
    @property
    def says(self) -> tuple[str, ...]: ...
    @property
    def denies(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Reading:
    """The units weighed for a claim, and the numbers (K, F) of each."""

    units: tuple[Unit, ...]
    numbers: Tensor
    known: bool  # whether wordings of the claim were known


class Scales:
    """Weighs answers against claims with a pair classifier; `minilm` proposes what to weigh."""

    def __init__(self, minilm: SentenceEncoder, pairs: PairReader, proposals: Tensor) -> None:
        self.minilm, self.pairs, self.proposals = minilm, pairs, proposals
        if has_fast_halves(minilm.device):
            theirs = minilm.network
            shared = {id(part): part for part in (theirs.embedding, theirs.output)}
            self.minilm = replace(minilm, network=copy.deepcopy(theirs, shared))
            assert self.minilm.network.encoder is not None
            keep_halves(self.minilm.network.encoder)
        self.vector = lru_cache(maxsize=8_000)(self.embed_one)

    def embed(self, texts: list[str]) -> Tensor:
        """Sentence vectors (N, C), in bfloat16 products where these are faster."""
        device = self.minilm.device
        with torch.autocast(device.type, torch.bfloat16, enabled=has_fast_halves(device)):
            return self.minilm.embed(texts)

    def embed_one(self, text: str) -> Tensor:
        """The vector (C,) of a claim or a wording; by itself, so that others make no difference."""
        return self.embed([text])[0]

    def read(self, units: Sequence[Unit], claims: Sequence[Claimed]) -> list[Reading]:
        """At least one unit read for each claim; the claims do not touch each other."""
        vectors = self.embed([unit.text for unit in units])  # (U, C)
        return [self.read_one(units, vectors, claim) for claim in claims]

    def read_one(self, units: Sequence[Unit], vectors: Tensor, claim: Claimed) -> Reading:
        """The units likeliest to settle one claim, weighed."""
        known = bool(claim.says and claim.denies)
        promise = self.promise(vectors, claim)
        if known:
            promise += self.find_nearest(vectors, (*claim.says, *claim.denies))[0] / 2
        chosen = rank(promise)[: NEAREST[known]]
        nearby = [units[i] for i in chosen]
        numbers = self.weigh(nearby, vectors[chosen], claim, AGAIN[known])
        return Reading(tuple(nearby), numbers, known)

    def promise(self, vectors: Tensor, claim: Claimed) -> Tensor:
        """How much each unit promises to settle the claim: (U, C) -> (U,)."""
        return vectors @ (self.vector(claim.text) @ self.proposals)

    def weigh(
        self, units: Sequence[Unit], vectors: Tensor, claim: Claimed, again: int | None = None
    ) -> Tensor:
        """The numbers (K, F) of these units for one claim; with wordings known, also those of the
        nearest wording for it and the nearest against it, read as claims themselves. The second
        reader reads the `again` likeliest units to settle it, or all where that is not said."""
        likeness = vectors @ self.vector(claim.text)  # (K, C) -> (K,)
        counted = torch.tensor([compare(claim.text, unit.text) for unit in units])  # (K, COUNTED)
        asked = [[claim.text] * len(units)]
        near: list[Tensor] = []
        if claim.says and claim.denies:
            for wordings in (claim.says, claim.denies):
                nearest, places = self.find_nearest(vectors, wordings)
                asked.append([wordings[place] for place in places])
                near.append(4 * nearest[:, None])
        pairs = [
            [Pair(text, u.text, u.before) for text, u in zip(texts, units, strict=True)]
            for texts in asked
        ]
        odds = [log_odds(logs) for logs in self.consider(pairs, again)]
        like, promise = likeness[:, None], self.promise(vectors, claim)[:, None]  # (K, 1)
        own = (odds[0], 4 * like, 8 * like.square(), 4 * promise, counted)
        return torch.cat((*own, *near, *odds[1:]), dim=1)

    def consider(self, asked: list[list[Pair]], again: int | None) -> list[Tensor]:
        """Log-probabilities (K, 3) for each claim asked about, of the same K units: the readers'
        mean where both read, and nothing that counting rules out."""
        first = [self.pairs.weigh(pairs).clone() for pairs in asked]  # to be written to
        places = first[0][:, NEITHER].argsort()[:again]
        second = self.pairs.weigh([pairs[i] for pairs in asked for i in places], reader=1)
        for logs, pairs, theirs in zip(first, asked, torch.split(second, len(places)), strict=True):
            logs[places] = ((logs[places] + theirs) / 2).log_softmax(dim=1)
            for row, pair in zip(logs, pairs, strict=True):
                row[list(rule_out(*pair))] = -math.inf
        return [logs.log_softmax(dim=1) for logs in first]

    def recognise(self, passage: str, wordings: Sequence[str]) -> str | None:
        """The wording that the passage is nearest to, if it says as much."""
        if not wordings:
            return None
        _, [place] = self.find_nearest(self.embed([passage]), wordings)
        wording = wordings[place]
        [logs] = self.consider([[Pair(wording, passage)]], again=None)
        return wording if float(logs[0, MADE].exp()) > RECOGNISED else None

    def find_nearest(self, vectors: Tensor, texts: Sequence[str]) -> tuple[Tensor, list[int]]:
        """How near each unit is to the nearest of some texts (U,), and which that is."""
        known = torch.stack([self.vector(text) for text in texts])  # (W, C)
        likeness, places = (vectors @ known.T).max(dim=1)  # (U, W) -> (U,)
        return likeness, places.tolist()


def rank(promise: Tensor) -> list[int]:
    """The units by promise (U,), the most first; equals, to three places, in order."""
    rounded = [round(value, 3) for value in promise.tolist()]
    return sorted(range(len(rounded)), key=lambda i: -rounded[i])


def log_odds(logs: Tensor) -> Tensor:
    """Log-odds of log-probabilities, kept within CLIP: (K, 3) -> (K, 3)."""
    odds = logs - torch.log1p(-logs.exp().clamp(max=1 - 1e-6))
    return odds.clamp(-CLIP, CLIP)


def usable(answer: str, prompt: str = "") -> list[Unit]:
    """The units of an answer that assert something, in English, and not only what was asked."""
    return [
        unit
        for unit in drop_keywords(cut(answer))
        if not (is_question(unit) or is_foreign(unit.text) or is_prompt(unit, prompt))
    ]


@dataclass(frozen=True)
class Judgement:
    """The chances that a claim is made, contradicted, missing; the units that speak loudest."""

    chances: tuple[float, float, float]
    making: Unit
    denying: Unit


@dataclass(frozen=True)
class Calibration:
    """Two logistic maps, each with a constant last, and how likely a verdict must be."""

    units: tuple[tuple[float, ...], ...]  # (3, F + 1): of a unit, to made, denied, neither
    answers: tuple[tuple[float, ...], ...]  # (3, 6 + 1): to made, contradicted, missing
    sure: tuple[float, float, float]

    def judge(self, reading: Reading) -> Judgement:
        """What the reading of one claim comes to."""
        logs = apply(self.units, reading.numbers)  # (K, 3)
        [chances] = apply(self.answers, sum_up(logs)[None]).exp().tolist()
        making, denying = (reading.units[int(logs[:, label].argmax())] for label in (0, 1))
        made, contradicted, missing = chances
        return Judgement((made, contradicted, missing), making, denying)


def apply(weights: Sequence[Sequence[float]], numbers: Tensor) -> Tensor:
    """Log-probabilities (N, 3) by a logistic map of numbers (N, F)."""
    inputs = F.pad(numbers.double(), (0, 1), value=1.0)  # (N, F) -> (N, F + 1)
    return F.log_softmax(inputs @ torch.tensor(weights, dtype=torch.double).T, dim=-1)


def sum_up(logs: Tensor) -> Tensor:
    """Six numbers (6,) from the log-probabilities (K, 3) of the units: log-odds of the loudest two
    for made and for denied, which of both the loudest of all is, and how many speak at all."""
    odds = log_odds(logs.float())
    made, denied, neither = odds.unbind(dim=1)  # (K,)
    loudest = int(neither.argmin())
    first, second = F.pad(made.sort(descending=True).values, (0, 1), value=-CLIP)[:2]
    worst, other = F.pad(denied.sort(descending=True).values, (0, 1), value=-CLIP)[:2]
    difference = (made[loudest] - denied[loudest]) / 2
    return torch.stack((first, second, worst, other, difference, (1 - logs[:, 2].exp()).sum()))


def fit(numbers: Tensor, labels: Tensor, decay: float = 0.002) -> tuple[tuple[float, ...], ...]:
    """The weights of the logistic map that makes `labels` (N,) likeliest given `numbers` (N, F)."""
    inputs = F.pad(numbers.double(), (0, 1), value=1.0)  # (N, F) -> (N, F + 1)
    weights = torch.zeros(3, inputs.shape[1], dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = F.cross_entropy(inputs @ weights.T, labels)
        loss = loss + decay * weights[:, :-1].square().sum() / 2
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return tuple(tuple(round(w, 4) for w in row) for row in weights.detach().tolist())
