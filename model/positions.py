"""How a Transformer learns where a token stands; attention by itself sees a set, not a sequence.

There are three places at which order can enter, and every kind below uses one of them: added to
the embeddings (sinusoidal, learned), by turning queries and keys (RoPE), or as a bias on the scores
(ALiBi, relative). `Positions` itself does nothing at any of them, which is the kind "none".

T tokens, S source tokens, C channels, H heads, D channels a head.
"""

import math

import torch
from torch import Tensor, nn

from model.config import Config


class Positions(nn.Module):
    """No positions: the three places at which a kind may act, each left as it is."""

    def embed(self, embeddings: Tensor, places: Tensor) -> Tensor:
        """The embeddings (B, T, C) of tokens that stand at `places` (T,)."""
        return embeddings

    def rotate(self, vectors: Tensor, places: Tensor) -> Tensor:
        """The queries or keys (B, H, T, D) of tokens that stand at `places` (T,)."""
        return vectors

    def bias(self, queries_at: Tensor, keys_at: Tensor) -> Tensor | None:
        """What is added to the scores of queries (T,) on keys (S,): (H, T, S), or None."""
        return None


class Sinusoidal(Positions):
    """Fixed waves of growing length: sine on even channels, cosine on odd. Vaswani 2017, 3.5."""

    def embed(self, embeddings: Tensor, places: Tensor) -> Tensor:
        return embeddings + sinusoids(places, embeddings.shape[-1])


class Learned(Positions):
    """One trained vector for every place up to `limit`. Gehring et al. 2017; BERT, GPT-2."""

    def __init__(self, limit: int, channels: int) -> None:
        super().__init__()
        self.table = nn.Embedding(limit, channels)

    def embed(self, embeddings: Tensor, places: Tensor) -> Tensor:
        vectors: Tensor = self.table(places)
        return embeddings + vectors


class Rotary(Positions):
    """Queries and keys turned by an angle that grows with the place, so that their product depends
    on the distance alone. Su et al. 2021 (RoPE), with channel i paired to i + D/2 as in Llama."""

    def __init__(self, base: float) -> None:
        super().__init__()
        self.base = base

    def rotate(self, vectors: Tensor, places: Tensor) -> Tensor:
        half = vectors.shape[-1] // 2
        exponents = torch.arange(half, device=vectors.device) / half
        angles = places[:, None] * self.base**-exponents  # (T, D/2)
        cosines, sines = angles.cos(), angles.sin()
        first, second = vectors[..., :half], vectors[..., half:]  # (B, H, T, D/2) each
        turned = (first * cosines - second * sines, second * cosines + first * sines)
        return torch.cat(turned, dim=-1)  # (B, H, T, D)


class Alibi(Positions):
    """Scores fall in a straight line with distance, at a slope of each head's own; nothing is
    learned. Press et al. 2021. In an encoder the distance counts in both directions."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def bias(self, queries_at: Tensor, keys_at: Tensor) -> Tensor:
        distances = (queries_at[:, None] - keys_at[None, :]).abs()  # (T, S)
        slopes = torch.tensor(alibi_slopes(self.heads), device=distances.device)
        return -slopes[:, None, None] * distances  # (H, T, S)


class Relative(Positions):
    """A trained bias for every head and bucket of distance: near ones each have their own, far ones
    share, on a logarithmic scale. Raffel et al. 2020 (T5), where a decoder looks back alone."""

    def __init__(self, *, heads: int, buckets: int, far: int, both_ways: bool) -> None:
        super().__init__()
        self.buckets, self.far, self.both_ways = buckets, far, both_ways
        self.table = nn.Embedding(buckets, heads)

    def bias(self, queries_at: Tensor, keys_at: Tensor) -> Tensor:
        offsets = keys_at[None, :] - queries_at[:, None]  # (T, S), negative: the key comes before
        found = bucket(offsets, buckets=self.buckets, far=self.far, both_ways=self.both_ways)
        biases: Tensor = self.table(found)  # (T, S, H)
        return biases.permute(2, 0, 1)  # (T, S, H) -> (H, T, S)


def build_positions(config: Config, *, both_ways: bool) -> Positions:
    """The kind of positions that `config` names, for a stack that looks both ways or only back."""
    match config.positions:
        case "sinusoidal":
            return Sinusoidal()
        case "learned":
            return Learned(config.limit, config.channels)
        case "rope":
            return Rotary(config.rope_base)
        case "alibi":
            return Alibi(config.heads)
        case "relative":
            return Relative(
                heads=config.heads, buckets=config.buckets, far=config.far, both_ways=both_ways
            )
        case "none":
            return Positions()


def sinusoids(places: Tensor, channels: int) -> Tensor:
    """sin and cos of place / 10000^(2i/C), in turn, for `places` (T,): (T, C)."""
    exponents = torch.arange(0, channels, 2, device=places.device) / channels
    angles = places[:, None] / 10_000**exponents  # (T, C/2)
    waves = torch.stack((angles.sin(), angles.cos()), dim=-1)  # (T, C/2, 2)
    return waves.flatten(1)[:, :channels]  # (T, C/2, 2) -> (T, C)


def alibi_slopes(heads: int) -> list[float]:
    """A geometric series that starts at and has the ratio 2^(-8/H), where H is a power of two;
    otherwise the series of the power below, filled with every other slope of the one above."""
    power = 2 ** math.floor(math.log2(heads))
    slopes = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    between = [2 ** (-4 * (i + 1) / power) for i in range(0, 2 * power, 2)]
    return slopes + between[: heads - power]


def bucket(offsets: Tensor, *, buckets: int, far: int, both_ways: bool) -> Tensor:
    """The bucket of every offset (key's place minus query's): half are exact, half logarithmic
    up to `far`. Both ways, keys that come after have buckets of their own; else they share 0."""
    if both_ways:
        buckets //= 2
        start = (offsets > 0) * buckets
        distances = offsets.abs()
    else:
        start = torch.zeros_like(offsets)
        distances = (-offsets).clamp(min=0)
    exact = buckets // 2
    steps = (distances.clamp(min=1) / exact).log() / math.log(far / exact) * (buckets - exact)
    rough = (exact + steps.long()).clamp(max=buckets - 1)
    return start + torch.where(distances < exact, distances, rough)
