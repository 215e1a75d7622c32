"""What each scheme of positions does, as numbers: the vectors of the places, one pair of their
channels, and what a score feels of two places.

N places, C channels, L places in a trained table.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from app.labs.illustration import UnfitInput
from model.checkpoint import Models
from model.config import PositionKind
from model.positions import Alibi, Positions, Rotary, bucket, sinusoids
from model.pretrained import PretrainedError, SentenceEncoder

NAMES: Mapping[PositionKind, str] = {
    "none": "none",
    "sinusoidal": "sinusoidal",
    "learned": "learned",
    "rope": "RoPE",
    "alibi": "ALiBi",
    "relative": "T5-relative",
}
WAYS: Mapping[PositionKind, str] = {
    "none": "Nothing is put in",
    "sinusoidal": "Sinusoidal: a fixed vector is added to the embedding, once",
    "learned": "Learned: a trained vector from a table is added to the embedding, once",
    "rope": "RoPE: queries and keys are turned in every layer, nothing is added",
    "alibi": "ALiBi: every score loses a slope times the distance, in every layer",
    "relative": "T5-relative: every score gains a trained bias, one for each bucket of distance",
}
QUANTITIES: Mapping[PositionKind, str] = {
    "none": "added to the score",
    "sinusoidal": "dot product, share of the largest",
    "learned": "cosine similarity",
    "rope": "score, share of the largest",
    "alibi": "added to the score",
    "relative": "bucket",
}
CHANNELS = 64  # of a sinusoidal vector, and of a head under RoPE
PAIRS = 32  # of channels; also the number of heads under ALiBi
BUCKETS, FAR = 32, 128  # T5's own numbers
LIMIT = 512  # places in MiniLM's table
WITH_VECTORS = ("sinusoidal", "learned", "rope")


def title_of(scheme: PositionKind) -> str:
    """Its name at the beginning of a line."""
    return NAMES[scheme][0].upper() + NAMES[scheme][1:]


def places_of(scheme: PositionKind, count: int) -> Tensor:
    """The first `count` places (N,). Of the learned ones, place 0 is left out: it is only ever that
    of [CLS], and lies far apart from all others."""
    return torch.arange(count) + (scheme == "learned")


def vectors(scheme: PositionKind, places: Tensor, models: Models) -> Tensor:
    """What a scheme with vectors has for each of `places`, (N, 64): what is added; for RoPE what
    becomes of a head whose first 32 channels are 1; for the learned table its coordinates along
    the 64 directions in which it varies most."""
    match scheme:
        case "sinusoidal":
            return sinusoids(places, CHANNELS)
        case "learned":
            return principal(table(models))[places - 1]
        case "rope":
            head = torch.arange(CHANNELS) < PAIRS
            heads = head.float().expand(1, 1, len(places), CHANNELS)  # (C,) -> (B, H, N, C)
            return Rotary(10_000.0).rotate(heads, places)[0, 0]
    raise ValueError(f"{scheme} has no vectors")


def channels_of(scheme: PositionKind, pair: int) -> tuple[int, int]:
    """The two channels of pair 1, 2, ...: RoPE pairs i with i + C/2, the others neighbours."""
    return (pair - 1, pair - 1 + PAIRS) if scheme == "rope" else (2 * pair - 2, 2 * pair - 1)


def affinity(scheme: PositionKind, places: Tensor, head: int, models: Models) -> Tensor:
    """What a score feels of the places of a query and a key, (N, N): the dot product of what was
    added, over its largest, for the learned table as a cosine; the score, over its largest, of a
    query and a key of all ones that RoPE has turned; the bias in `head` 1, 2, ...; T5's bucket."""
    match scheme:
        case "sinusoidal":
            waves = vectors(scheme, places, models)  # (N, C)
            return waves @ waves.T / PAIRS
        case "learned":
            rows = table(models)
            rows = nn.functional.normalize(rows - rows.mean(dim=0), dim=-1)[places - 1]
            return rows @ rows.T
        case "rope":
            ones = torch.ones(1, 1, len(places), CHANNELS)
            turned = Rotary(10_000.0).rotate(ones, places)[0, 0]  # (N, C)
            return turned @ turned.T / CHANNELS
        case "alibi":
            bias: Tensor = Alibi(PAIRS).bias(places, places)[head - 1]
            return bias + 0.0  # no zero has a sign
        case "relative":
            offsets = places[None, :] - places[:, None]  # (N, N)
            return bucket(offsets, buckets=BUCKETS, far=FAR, both_ways=True).float()
        case "none":
            return torch.zeros(len(places), len(places))


def plane(scheme: PositionKind, places: Tensor, pair: int, models: Models) -> tuple[Tensor, Tensor]:
    """One pair of channels of what asks and of what is asked, (N, 2) each, at `places`. Where a
    vector is added it is that vector, on both sides; else a query and a key that are alike, each
    (1, 0) before RoPE turns them, which no other scheme does."""
    if scheme in ("sinusoidal", "learned"):
        both = vectors(scheme, places, models)[:, channels_of(scheme, pair)]
        return both, both
    channels = list(channels_of("rope", pair))
    heads = torch.zeros(1, 1, len(places), CHANNELS)  # (B, H, N, C)
    heads[..., channels[0]] = 1
    positions = Rotary(10_000.0) if scheme == "rope" else Positions()
    turned = positions.rotate(heads, places)[0, 0][:, channels]  # -> (N, 2)
    return turned, turned


def turn(points: Tensor, offset: int) -> tuple[float, float]:
    """The one rotation that best takes every point (N, 2) to the one `offset` places on: its angle
    in radians, and what it leaves unexplained as a share of the points' length."""
    flat = torch.view_as_complex(points.double().contiguous())  # (N, 2) -> (N,)
    before, after = flat[: len(flat) - offset], flat[offset:]
    together = (after * before.conj()).sum()
    angle = torch.angle(together)
    left = after - before * torch.polar(torch.ones_like(angle), angle)
    return float(angle), float(left.abs().square().sum().sqrt() / after.abs().square().sum().sqrt())


def minilm(models: Models) -> SentenceEncoder:
    """The pretrained encoder. UnfitInput where it is not installed."""
    try:
        return models.minilm
    except PretrainedError as error:
        raise UnfitInput(f"This needs MiniLM: {error}.") from error


def table(models: Models) -> Tensor:
    """MiniLM's trained vectors of places 1 to 511, (L, C)."""
    network = minilm(models).network
    return network.get_parameter("encoder.positions.table.weight")[1:]


def principal(rows: Tensor) -> Tensor:
    """`rows` (L, C) less their mean, along the 64 directions in which they vary most: (L, 64)."""
    centred = rows - rows.mean(dim=0)
    directions: Tensor = torch.linalg.svd(centred, full_matrices=False)[
        2
    ]  # (C, C), strongest first
    return centred @ directions[:CHANNELS].T
