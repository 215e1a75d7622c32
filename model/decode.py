"""Choosing tokens one after another: greedily or at random; beam search is in beam.py.

Both read with a cache, so that a step costs one token, not the whole text so far.

B batch, T tokens, S source tokens, C channels, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from model.attention import Cache
from model.transformer import Transformer


@dataclass(frozen=True)
class Decoded:
    """What was chosen after the prefix, up to and with the end token if it came (`complete`)."""

    ids: list[int]
    log_probability: float
    complete: bool


class Reading:
    """A network part way through texts: what it has read is in the cache."""

    def __init__(
        self, network: Transformer, source: Tensor | None = None, real: Tensor | None = None
    ) -> None:
        """`source` (B, S, C) is the encoder's output, `real` (B, S) its tokens but padding."""
        self.network, self.source, self.real = network, source, real
        self.cache = Cache()

    def read(self, tokens: Tensor) -> Tensor:
        """Log-probabilities (B, V) of what follows once `tokens` (B, T) are read too."""
        logits = self.network.decode(tokens, self.source, real=self.real, cache=self.cache)
        return logits[:, -1].log_softmax(dim=-1)  # (B, T, V) -> (B, V)

    def select(self, rows: Tensor) -> None:
        """Go on with these `rows` of the batch, in this order; they share one source."""
        self.cache.select(rows)


@torch.inference_mode()
def greedy(
    network: Transformer,
    prefix: Tensor,
    *,
    end: int,
    source: Tensor | None = None,
    real: Tensor | None = None,
    limit: int | None = None,
) -> list[Decoded]:
    """After each row of `prefix` (B, T), the likeliest token, then the likeliest after that, until
    `end` or `limit` tokens. `source` (B, S, C) is the encoder's output."""
    room = check_limit(network, prefix, limit)
    reading = Reading(network, source, real)
    tokens = prefix
    chosen: list[Tensor] = []
    found: list[Tensor] = []
    finished = torch.zeros(len(prefix), dtype=torch.bool, device=prefix.device)
    while len(chosen) < room and not finished.all():
        best, token = reading.read(tokens).max(dim=-1)  # (B, V) -> (B,), (B,)
        chosen.append(token)
        found.append(best.masked_fill(finished, 0.0))
        finished = finished | (token == end)
        tokens = token[:, None]  # (B,) -> (B, 1)
    return collect(chosen, found, end)


def collect(chosen: list[Tensor], found: list[Tensor], end: int) -> list[Decoded]:
    """What each row of the batch came to, from the tokens and log-probabilities (B,) by step."""
    rows = torch.stack(chosen, dim=1).tolist()  # steps of (B,) -> (B, steps)
    scores = torch.stack(found, dim=1).sum(dim=1).tolist()  # steps of (B,) -> (B,)
    return [cut(row, end, score) for row, score in zip(rows, scores, strict=True)]


def cut(row: list[int], end: int, log_probability: float) -> Decoded:
    """The row up to and with its first end token."""
    if end in row:
        return Decoded(row[: row.index(end) + 1], log_probability, complete=True)
    return Decoded(row, log_probability, complete=False)


def check_limit(network: Transformer, prefix: Tensor, limit: int | None) -> int:
    """How many tokens may still be chosen; ValueError, with both numbers, if none may."""
    room = network.config.limit - prefix.shape[1]
    if prefix.shape[1] == 0 or room < 1:
        raise ValueError(
            f"a prefix of {prefix.shape[1]} tokens, where 1 to {network.config.limit - 1} can be"
        )
    if limit is None:
        return room
    if not 1 <= limit <= room:
        raise ValueError(f"a limit of {limit} tokens, where 1 to {room} are left")
    return limit


@torch.inference_mode()
def sample(
    network: Transformer,
    prefix: Tensor,
    *,
    end: int,
    generator: torch.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    source: Tensor | None = None,
    real: Tensor | None = None,
    limit: int | None = None,
) -> list[Decoded]:
    """After each row of `prefix` (B, T), tokens drawn at random as likely as `narrow` leaves them,
    until `end` or `limit` tokens. The log-probabilities are the network's own, before narrowing."""
    room = check_limit(network, prefix, limit)
    reading = Reading(network, source, real)
    tokens = prefix
    chosen: list[Tensor] = []
    found: list[Tensor] = []
    finished = torch.zeros(len(prefix), dtype=torch.bool, device=prefix.device)
    while len(chosen) < room and not finished.all():
        log_probs = reading.read(tokens)  # (B, V)
        chances = narrow(log_probs, temperature=temperature, top_k=top_k, top_p=top_p)
        tokens = torch.multinomial(chances.cpu(), 1, generator=generator)  # (B, V) -> (B, 1)
        tokens = tokens.to(prefix.device)
        chosen.append(tokens[:, 0])
        found.append(log_probs.gather(1, tokens)[:, 0].masked_fill(finished, 0.0))
        finished = finished | (tokens[:, 0] == end)
    return collect(chosen, found, end)


def narrow(
    logits: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Tensor:
    """Softmax of `logits` (..., V) at a temperature (0: all on the likeliest), of which only the
    `top_k` likeliest tokens are left, and of those the fewest whose sum reaches `top_p` (nucleus,
    Holtzman et al. 2020). ValueError for a value that means nothing."""
    check_narrowing(temperature, top_k, top_p, logits.shape[-1])
    if temperature == 0:
        best = logits.argmax(dim=-1, keepdim=True)
        return torch.zeros_like(logits).scatter(-1, best, 1.0)
    chances = (logits / temperature).softmax(dim=-1)
    ranked, order = chances.sort(dim=-1, descending=True, stable=True)
    out = torch.zeros_like(ranked, dtype=torch.bool)
    if top_k is not None:
        out[..., top_k:] = True
        ranked = ranked.masked_fill(out, 0.0)
        ranked = ranked / ranked.sum(dim=-1, keepdim=True)
    if top_p is not None:
        before = ranked.cumsum(dim=-1) - ranked  # what the likelier ones have already
        out = out | (before >= top_p)
    ranked = ranked.masked_fill(out, 0.0)
    kept = torch.zeros_like(chances).scatter(-1, order, ranked)
    return kept / kept.sum(dim=-1, keepdim=True)


def check_narrowing(
    temperature: float, top_k: int | None, top_p: float | None, vocabulary: int
) -> None:
    """ValueError, with both numbers, for a setting that means nothing."""
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"a temperature of {temperature}, where 0 or more is needed")
    if top_k is not None and not 1 <= top_k <= vocabulary:
        raise ValueError(f"the top {top_k} tokens, where 1 to {vocabulary} can be kept")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"a top share of {top_p}, where more than 0 and at most 1 is needed")
