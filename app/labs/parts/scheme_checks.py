"""The claims of the positional lab, each measured on the numbers of the run."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise

import torch
from torch import Tensor

from app.labs.illustration import Check
from app.labs.parts.schemes import LIMIT, PAIRS, channels_of, minilm, table, title_of, turn
from model.checkpoint import Models
from model.config import PositionKind

ROUNDING = 1e-5  # of a network's output: what float32 adds up to over its layers
DRIFT = 1e-4  # of an angle: what float32 loses at position 385, where it knows 3e-5 of a radian


def order_noticed(scheme: PositionKind, moved: Mapping[PositionKind, Tensor]) -> tuple[Check, ...]:
    """`moved` holds each word's change (T,) by scheme."""
    blind = float(moved["none"].max())
    equivariant = Check(
        "Without positions the network is permutation-equivariant: reorder the words, and the "
        "outputs are the same, reordered.",
        f"largest change of an output: {blind:.1e} of its length (tolerance {ROUNDING:.0e})",
        blind < ROUNDING,
    )
    if scheme == "none":
        return (equivariant,)
    change = moved[scheme]
    notices = Check(
        f"{title_of(scheme)} notices the new order.",
        f"outputs change by {float(change.min()):.2g} to {float(change.max()):.2g} of their length",
        float(change.max()) > ROUNDING,
    )
    return equivariant, notices


def vectors_put_in(scheme: PositionKind, values: Tensor, models: Models) -> tuple[Check, ...]:
    """Of the vectors (N, C) of a scheme that has some."""
    lengths = (table(models) if scheme == "learned" else values).norm(dim=-1)
    same = Check(
        "Every position's vector has the same length.",
        f"lengths from {float(lengths.min()):.4g} to {float(lengths.max()):.4g}",
        float(lengths.max() - lengths.min()) < DRIFT * float(lengths.max()),
    )
    return (same, _ends(models) if scheme == "learned" else geometric(periods(scheme, values)))


def scores_over_distance(scheme: PositionKind, values: Tensor) -> tuple[Check, ...]:
    """Of what a score feels of two places (N, N)."""
    match scheme:
        case "none":
            most = float(values.abs().max())
            return (Check("Nothing is added to any score.", f"largest: {most:.1g}", most == 0),)
        case "relative":
            return offset_alone(scheme, values), _buckets(values[0])
        case "alibi":
            return offset_alone(scheme, values), _straight(values[0])
    return offset_alone(scheme, values), _falls(values[0])


def offset_alone(scheme: PositionKind, values: Tensor) -> Check:
    """Of what two places make of a score (N, N): whether each diagonal holds one value. Where
    vectors are added, the whole score has terms of content and place besides."""
    added = scheme in ("sinusoidal", "learned")
    count, width = values.shape
    diagonals = [values.diagonal(offset) for offset in range(1 - count, width)]
    spread = max(float(diagonal.max() - diagonal.min()) for diagonal in diagonals)
    return Check(
        f"The {'product of two position vectors' if added else 'score of a query and a key'} "
        "depends on the offset between them alone, not on where they stand.",
        f"over all pairs at one offset it differs by up to {spread:.1e} (tolerance {DRIFT:.0e})",
        spread < DRIFT,
    )


def shift_turns(points: Tensor, offset: int) -> Check:
    """Of one pair of channels (N, 2)."""
    angle, left = turn(points, offset)
    return Check(
        f"Going {offset} positions on is one rotation of the pair, the same from every start.",
        f"a turn by {math.degrees(abs(angle)):.1f}° misses by {left:.1e} of the length "
        f"(tolerance {DRIFT:.0e})",
        left < DRIFT,
    )


def unturned(points: Tensor) -> Check:
    """Of one pair of channels (N, 2)."""
    most = float((points - points[0]).abs().max())
    return Check("Queries and keys are left as they are.", f"largest change: {most:.1g}", most == 0)


def periods(scheme: PositionKind, values: Tensor) -> list[float]:
    """How many places one turn of each pair takes, measured on the vectors (N, C)."""
    pairs = [values[:, list(channels_of(scheme, pair))] for pair in range(1, PAIRS + 1)]
    return [2 * math.pi / max(abs(turn(points, 1)[0]), 1e-9) for points in pairs]


def geometric(wavelengths: Sequence[float]) -> Check:
    """Vaswani et al. 2017, section 3.5: from 2π towards 10000 · 2π."""
    ratios = [after / before for before, after in pairwise(wavelengths)]
    return Check(
        "From pair to pair the wavelength grows by one factor.",
        f"{wavelengths[0]:.4g} positions in the first pair, {wavelengths[-1]:.4g} in the last; "
        f"factors from {min(ratios):.3f} to {max(ratios):.3f}",
        max(ratios) - min(ratios) < 0.01,
    )


def _ends(models: Models) -> Check:
    rows = minilm(models).network.get_submodule("encoder.positions.table")
    try:
        rows(torch.tensor([LIMIT]))
        found = "has one"
    except IndexError:
        found = "is refused"
    return Check(
        "The table ends: there is no vector for a position beyond it.",
        f"it has {LIMIT} rows, 0 to {LIMIT - 1}; position {LIMIT} {found}",
        found == "is refused",
    )


def _falls(values: Tensor) -> Check:
    steps = values.diff()
    rises = torch.nonzero(steps > DRIFT).flatten().tolist()
    return Check(
        "The further apart two positions are, the less alike: it falls at every step.",
        f"it rises again from offset {rises[0]} to {rises[0] + 1}" if rises else "it never rises",
        not rises,
    )


def _straight(values: Tensor) -> Check:
    steps = values.diff()
    return Check(
        "The score falls in a straight line with distance.",
        f"from one position to the next by {-float(steps.max()):.4g} to {-float(steps.min()):.4g}",
        float(steps.max() - steps.min()) < DRIFT and float(steps.max()) < 0,
    )


def _buckets(values: Tensor) -> Check:
    counts = [len(list(group)) for _, group in groupby(values.tolist())]  # distances a bucket
    alone = next((n for n, count in enumerate(counts) if count > 1), len(counts))
    return Check(
        "Near distances have a bucket each, far ones share.",
        f"distances 0 to {alone - 1} have their own; the {len(values) - alone} beyond share "
        f"{len(counts) - alone} buckets",
        alone < len(counts),
    )
