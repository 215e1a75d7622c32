"""Multi-head attention: every token gathers from others what its query asks their keys for.

    pattern = softmax(queries keys^T / sqrt(D) + bias, masked)      heads = pattern values

One class serves self-attention (keys come from the same tokens), causal self-attention (a mask
hides later tokens) and cross-attention (keys come from a source). The caller owns the cache.

B batch, T tokens that ask, S tokens that are asked (source), C channels, H heads, G key heads,
D channels a head.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from model.config import AS_TRAINED, Config, Switches
from model.positions import Positions
from model.trace import Trace, record


@dataclass
class Cache:
    """Keys and values (B, G, S, D) by attention module: of the `length` tokens already read, and of
    the source, which may have one row for all of a batch."""

    length: int = 0
    entries: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    sources: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def extend(self, name: str, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append the new tokens' keys and values to those of module `name`, and return them all."""
        if name in self.entries:
            past_keys, past_values = self.entries[name]
            keys = torch.cat((past_keys, keys), dim=2)  # (B, G, S, D) -> (B, G, S + T, D)
            values = torch.cat((past_values, values), dim=2)
        self.entries[name] = keys, values
        return keys, values

    def select(self, rows: Tensor) -> None:
        """Keep these `rows` of the batch, in this order: how a beam takes on its parent's past.
        The source stays: all rows must share it."""
        for name, (keys, values) in self.entries.items():
            self.entries[name] = keys[rows], values[rows]


@dataclass(frozen=True, kw_only=True)
class Call:
    """What one forward pass carries through every module."""

    trace: Trace | None = None
    switches: Switches = AS_TRAINED
    cache: Cache | None = None


@dataclass(frozen=True, kw_only=True)
class View:
    """What the queries may see, and where they stand; all layers of a stack share it."""

    places: Tensor  # (T,)
    mask: Tensor | None = None  # True where attending is allowed; broadcasts to (B, H, T, S)
    bias: Tensor | None = None  # (H, T, S), added to the scores
    positions: Positions


class Attention(nn.Module):
    """Multi-head attention. Vaswani et al. 2017, section 3.2; with fewer key heads than heads,
    grouped-query attention, Ainslie et al. 2023."""

    def __init__(self, config: Config, name: str) -> None:
        super().__init__()
        self.name = name
        self.heads, self.key_heads, self.width = config.heads, config.grouped_heads, config.width
        self.scale = 1 / math.sqrt(config.width) if config.scale else 1.0
        grouped = self.key_heads * self.width
        self.queries = nn.Linear(config.channels, config.channels, bias=config.bias)
        self.keys = nn.Linear(config.channels, grouped, bias=config.bias)
        self.values = nn.Linear(config.channels, grouped, bias=config.bias)
        self.output = nn.Linear(config.channels, config.channels, bias=config.bias)

    def forward(self, stream: Tensor, source: Tensor | None, view: View, call: Call) -> Tensor:
        """What `stream` (B, T, C) gathers from itself, or from `source` (B, S, C): (B, T, C)."""
        queries = self.split(self.queries(stream), self.heads)  # (B, T, C) -> (B, H, T, D)
        if source is None:
            queries = view.positions.rotate(queries, view.places)
            keys, values = self.read_self(stream, view, call.cache)  # (B, G, S, D)
        else:
            keys, values = self.read_source(source, call.cache)  # (B, G, S, D)
        group = self.heads // self.key_heads
        if group > 1:
            keys = keys.repeat_interleave(group, dim=1)  # (B, G, S, D) -> (B, H, S, D)
            values = values.repeat_interleave(group, dim=1)  # (B, G, S, D) -> (B, H, S, D)
        for name, tensor in (("queries", queries), ("keys", keys), ("values", values)):
            record(call.trace, f"{self.name}.{name}", tensor)
        heads = self.attend(queries, keys, values, view, call)
        output: Tensor = self.output(heads.transpose(1, 2).flatten(2))  # (B, H, T, D) -> (B, T, C)
        record(call.trace, f"{self.name}.output", output)
        return output

    def attend(
        self, queries: Tensor, keys: Tensor, values: Tensor, view: View, call: Call
    ) -> Tensor:
        """The values (B, H, S, D) that queries (B, H, T, D) gather by keys (B, H, S, D), every head
        for itself: (B, H, T, D). Vaswani et al. 2017, equation 1."""
        scores = queries @ keys.transpose(-2, -1)  # (B, H, T, D), (B, H, D, S) -> (B, H, T, S)
        if call.switches.scale:
            scores = scores * self.scale
        if view.bias is not None:
            scores = scores + view.bias
        masked = scores if view.mask is None else scores.masked_fill(~view.mask, -math.inf)
        pattern = self.even_out(masked.softmax(dim=-1), masked, call.switches)
        heads = self.silence(pattern @ values, call.switches)  # (B, H, T, S) -> (B, H, T, D)
        for name, tensor in (("scores", scores), ("masked_scores", masked), ("pattern", pattern)):
            record(call.trace, f"{self.name}.{name}", tensor)
        record(call.trace, f"{self.name}.heads", heads)
        return heads

    def read_self(self, stream: Tensor, view: View, cache: Cache | None) -> tuple[Tensor, Tensor]:
        """Keys and values (B, G, S, D) of `stream` (B, T, C) and of the tokens cached before it."""
        keys = self.split(self.keys(stream), self.key_heads)  # (B, T, G*D) -> (B, G, T, D)
        keys = view.positions.rotate(keys, view.places)
        values = self.split(self.values(stream), self.key_heads)  # (B, T, G*D) -> (B, G, T, D)
        return (keys, values) if cache is None else cache.extend(self.name, keys, values)

    def read_source(self, source: Tensor, cache: Cache | None) -> tuple[Tensor, Tensor]:
        """Keys and values (B, G, S, D) of `source` (B, S, C); it never changes: computed once."""
        if cache is not None and self.name in cache.sources:
            return cache.sources[self.name]
        keys = self.split(self.keys(source), self.key_heads)  # (B, S, G*D) -> (B, G, S, D)
        values = self.split(self.values(source), self.key_heads)  # (B, S, G*D) -> (B, G, S, D)
        if cache is not None:
            cache.sources[self.name] = keys, values
        return keys, values

    def split(self, vectors: Tensor, heads: int) -> Tensor:
        """Every head's share of the channels: (B, T, heads * D) -> (B, heads, T, D)."""
        batch, tokens, _ = vectors.shape
        parted = vectors.view(batch, tokens, heads, self.width)  # -> (B, T, heads, D)
        return parted.transpose(1, 2)  # (B, T, heads, D) -> (B, heads, T, D)

    def even_out(self, pattern: Tensor, masked: Tensor, switches: Switches) -> Tensor:
        """The pattern (B, H, T, S); in uniform heads every key in sight counts alike."""
        chosen = self.chosen(switches.uniform, pattern.device)
        if chosen is None:
            return pattern
        in_sight = masked.isfinite().to(pattern.dtype)  # (B, H, T, S)
        return torch.where(chosen, in_sight / in_sight.sum(dim=-1, keepdim=True), pattern)

    def silence(self, heads: Tensor, switches: Switches) -> Tensor:
        """The heads (B, H, T, D), zero in those switched off."""
        chosen = self.chosen(switches.off, heads.device)
        return heads if chosen is None else heads.masked_fill(chosen, 0.0)

    def chosen(self, names: frozenset[tuple[str, int]], device: torch.device) -> Tensor | None:
        """True for every head of this module in `names`: (H, 1, 1), or None if there is none."""
        numbers = [head for name, head in names if name == self.name]
        if not numbers:
            return None
        chosen = torch.zeros(self.heads, 1, 1, dtype=torch.bool, device=device)
        chosen[numbers] = True
        return chosen
