"""Beam search: at every step the best few continuations of the best few beginnings, with a record
of all that was considered.

A beginning's log-probability is the sum over its tokens. A finished hypothesis is scored by that
sum over length ** length_penalty: 0 favours the short, 1 compares means, more favours the long.
As in Hugging Face `generate`, of 2K candidates the best K that end are finished, the best K that
do not end go on, and a beginning that the limit cuts counts as finished.

K beams, T tokens, S source tokens, C channels, V vocabulary.
"""

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from model.decode import Reading, check_limit
from model.transformer import Transformer

EarlyStopping = bool | Literal["never"]


@dataclass(frozen=True)
class Candidate:
    """One continuation of one beam, and what became of it."""

    token: int
    parent: int  # the beam that it continues, by its place in the step before
    log_probability: float  # of all its tokens after the prefix
    score: float
    fate: Literal["kept", "finished", "pruned"]
    place: int | None  # among the beams of the next step, if it was kept


@dataclass(frozen=True)
class Hypothesis:
    """A finished continuation; `complete` if it has its end, else the limit cut it."""

    ids: list[int]
    log_probability: float
    score: float
    complete: bool


@dataclass(frozen=True)
class Search:
    """What beam search found, best first, and every step's candidates, likeliest first."""

    hypotheses: list[Hypothesis]
    steps: list[list[Candidate]]


@dataclass(kw_only=True)
class Beams:
    """A search under way: the beams that live, what is finished, and the rules."""

    width: int
    end: int
    length_penalty: float
    early_stopping: EarlyStopping
    limit: int
    live: list[list[int]] = field(default_factory=lambda: [[]])
    best: float = 0.0  # log-probability of the likeliest live beam
    finished: list[Hypothesis] = field(default_factory=list)
    steps: list[list[Candidate]] = field(default_factory=list)

    def score(self, log_probability: float, length: int) -> float:
        """What a hypothesis of that length is worth."""
        return float(log_probability / length**self.length_penalty)

    def advance(self, found: list[tuple[float, int, int]]) -> list[tuple[float, int, int]]:
        """Sort a step's (log-probability, parent, token), likeliest first, into kept, finished and
        pruned; the kept ones."""
        length = len(self.live[0]) + 1
        kept: list[tuple[float, int, int]] = []
        candidates = []
        for rank, (log_probability, parent, token) in enumerate(found):
            fate: Literal["kept", "finished", "pruned"] = "pruned"
            score = self.score(log_probability, length)
            if token == self.end or length == self.limit:
                if rank < self.width and self.finish(self.live[parent] + [token], found[rank][0]):
                    fate = "finished"
            elif len(kept) < self.width:
                fate = "kept"
                kept.append(found[rank])
            place = len(kept) - 1 if fate == "kept" else None
            candidates.append(Candidate(token, parent, log_probability, score, fate, place))
        self.steps.append(candidates)
        self.live = [self.live[parent] + [token] for _, parent, token in kept]
        self.best = kept[0][0] if kept else -float("inf")
        return kept

    def finish(self, ids: list[int], log_probability: float) -> bool:
        """Add a hypothesis if it is among the best `width`; whether it is."""
        score = self.score(log_probability, len(ids))
        hypothesis = Hypothesis(ids, log_probability, score, complete=ids[-1] == self.end)
        self.finished = sorted([*self.finished, hypothesis], key=lambda h: -h.score)[: self.width]
        return hypothesis in self.finished

    def is_done(self) -> bool:
        """Whether nothing can go on, or nothing that goes on could still become one of the best.

        That is an estimate: a live beam is scored as if it ended now, and with "never", whenever
        length pays, at the limit; then it is never too early.
        """
        if not self.live:
            return True
        if len(self.finished) < self.width:
            return False
        if self.early_stopping is True:
            return True
        length = len(self.live[0])
        if self.early_stopping == "never" and self.length_penalty > 0:
            length = self.limit
        return self.score(self.best, length) <= self.finished[-1].score


@torch.inference_mode()
def beam_search(
    network: Transformer,
    prefix: Tensor,
    *,
    end: int,
    width: int,
    length_penalty: float = 1.0,
    early_stopping: EarlyStopping = False,
    source: Tensor | None = None,
    real: Tensor | None = None,
    limit: int | None = None,
) -> Search:
    """The best hypotheses after `prefix` (1, T), up to `width` of them and `limit` tokens long.
    `source` (1, S, C) is the encoder's output, of which `real` (1, S) is no padding. ValueError for
    settings that mean nothing."""
    check_beam(prefix, width, length_penalty)
    beams = Beams(
        width=width,
        end=end,
        length_penalty=length_penalty,
        early_stopping=early_stopping,
        limit=check_limit(network, prefix, limit),
    )
    reading = Reading(network, source, real)
    tokens, totals = prefix, torch.zeros(1, 1, device=prefix.device)  # (1, T), (1, 1)
    while not beams.is_done():
        log_probs = totals + reading.read(tokens)  # (K, 1) + (K, V) -> (K, V)
        kept = beams.advance(likeliest(log_probs, 2 * width))
        if kept:
            parents = torch.tensor([parent for _, parent, _ in kept], device=prefix.device)
            tokens = torch.tensor([[token] for _, _, token in kept], device=prefix.device)  # (K, 1)
            totals = torch.tensor([[total] for total, _, _ in kept], device=prefix.device)  # (K, 1)
            reading.select(parents)
    return Search(beams.finished, beams.steps)


def likeliest(log_probs: Tensor, count: int) -> list[tuple[float, int, int]]:
    """The `count` highest of `log_probs` (K, V), fewer if there are fewer: (value, beam, token)."""
    vocabulary = log_probs.shape[1]
    values, places = log_probs.flatten().topk(min(count, log_probs.numel()))  # (K, V) -> (count,)
    found = zip(values.tolist(), places.tolist(), strict=True)
    return [(value, place // vocabulary, place % vocabulary) for value, place in found]


def check_beam(prefix: Tensor, width: int, length_penalty: float) -> None:
    """ValueError, with both numbers, for settings that mean nothing."""
    if len(prefix) != 1:
        raise ValueError(f"{len(prefix)} prefixes, where beam search takes 1")
    if width < 1:
        raise ValueError(f"a beam width of {width}, where at least 1 is needed")
    if not 0 <= length_penalty <= 10:
        raise ValueError(f"a length penalty of {length_penalty}, where 0 to 10 can be")
