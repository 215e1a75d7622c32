"""Complexity: the square and the straight line.

One Transformer block, timed at growing lengths. Scores, softmax and weighted sum compare every
token with every other, so their time grows with the square of the length; projections and
feed-forward treat each token once, so theirs grows in step with it. Counted in operations the two
are equal at six model widths. A fused kernel breaks the claim about memory and no other: it does
the same sums without writing the scores down. Blocks that read only themselves break the square.
"""

import math
import statistics
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import plotly.graph_objects as go
import torch
from pydantic import Field

from app.labs.illustration import Check, Chosen, Illustration, LabParams, Prediction, Table
from app.labs.parts.block import (
    LOCAL,
    REPEATS,
    Block,
    Kernel,
    Measured,
    crossover,
    exponents,
    measure,
)
from model.checkpoint import Models

PARTS = ("scores, softmax, weighted sum", "projections and feed-forward")

PREDICT = Prediction(
    "The text becomes twice as long. What happens to the time for scores and weighted sum?",
    ("It stays about the same.", "It about doubles.", "It grows about fourfold."),
)


class Params(LabParams):
    width: Annotated[
        Literal["32", "64", "128"],
        Chosen,
        Field(title="Model width d", description="Numbers in a token's vector."),
    ] = "64"
    heads: Annotated[
        Literal["1", "2", "4"],
        Chosen,
        Field(title="Heads", description="They share the width among them."),
    ] = "4"
    longest: Annotated[
        Literal["1024", "2048"],
        Chosen,
        Field(title="Longest text", description="Tokens of the longest text that is timed."),
    ] = "1024"
    kernel: Annotated[
        Kernel,
        Field(
            title="Kernel",
            description="Plain writes the scores down; fused (as FlashAttention) does not; "
            f"local lets blocks of {LOCAL} tokens read only themselves.",
        ),
    ] = "plain"
    counted: Annotated[
        Literal["operations", "memory"],
        Field(title="Second figure", description="What is counted beside the time."),
    ] = "operations"


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    longest, width = int(params.longest), int(params.width)
    lengths = [longest // part for part in (16, 8, 4, 2, 1)]
    blocks = [Block(width, int(params.heads), length, params.kernel) for length in lengths]
    pairs, tokens = runs = [
        measure(blocks, part) for part in (Block.read_one_another, Block.treat_each)
    ]
    slopes = [exponents(lengths, part.times) for part in runs]
    crossing = crossover(lengths, pairs.operations, tokens.operations)
    return Illustration(
        figures=(
            _over_length(lengths, runs, slopes, "time", width),
            _over_length(lengths, runs, slopes, params.counted, width),
        ),
        reading=_reading(params, lengths, runs, slopes),
        checks=(
            _operations(longest, width, pairs.operations[-1]),
            _grows("Their time grows as the square of the length.", slopes[0], (1.6, 2.6)),
            _grows(
                "The time of projections and feed-forward grows in step with the length.",
                slopes[1],
                (0.7, 1.35),
            ),
            _crosses(width, crossing),
            _writes(lengths, pairs.written),
            _exact(blocks[1]),
        ),
        table=_table(lengths, runs),
        outcome=min(2, max(0, round(statistics.median(slopes[0])))),
    )


def _reading(
    params: Params, lengths: Sequence[int], runs: Sequence[Measured], slopes: Sequence[list[float]]
) -> str:
    pairs, tokens = (part.medians for part in runs)
    crossing = crossover(lengths, pairs, tokens)
    power, spread = statistics.median(slopes[0]), (min(slopes[0]), max(slopes[0]))
    share = runs[0].operations[-1] / (runs[0].operations[-1] + runs[1].operations[-1])
    if crossing:
        on_the_clock = (
            f"On the clock scores and sum overtake the rest at about {crossing:.0f} tokens"
        )
    elif all(one > other for one, other in zip(pairs, tokens, strict=True)):
        on_the_clock = f"On the clock scores and sum take longer from {lengths[0]} tokens on"
    else:
        on_the_clock = f"On the clock they do not overtake the rest up to {lengths[-1]} tokens"
    return (
        f"From {lengths[-2]} to {lengths[-1]} tokens scores, softmax and weighted sum go from "
        f"{pairs[-2]:.2f} to {pairs[-1]:.2f} ms (× {pairs[-1] / pairs[-2]:.1f}), projections and "
        f"feed-forward from {tokens[-2]:.2f} to {tokens[-1]:.2f} ms "
        f"(× {tokens[-1] / tokens[-2]:.1f}). The former grow as n^{power:.2f} "
        f"({spread[0]:.2f} to {spread[1]:.2f} over {REPEATS} repeats). {on_the_clock}; by "
        f"operations their share at {lengths[-1]} is {share:.0%}. Operations are not time: the "
        f"softmax is not counted among them, and memory must keep up with both."
    )


def _operations(length: int, width: int, counted: int) -> Check:
    expected = 4 * length**2 * width
    return Check(
        "Scores and weighted sum take 4n²d operations, whatever the heads and the kernel.",
        f"counted at {length} tokens: {counted:,}; 4n²d = {expected:,}",
        counted == expected,
    )


def _grows(claim: str, powers: list[float], between: tuple[float, float]) -> Check:
    power = statistics.median(powers)
    return Check(
        claim,
        f"time ∝ n^{power:.2f}, from {min(powers):.2f} to {max(powers):.2f} in {REPEATS} repeats; "
        f"{between[0]} to {between[1]} is taken as such",
        between[0] < power < between[1],
    )


def _crosses(width: int, crossing: float | None) -> Check:
    return Check(
        f"Counted in operations they overtake the linear layers at six widths, {6 * width} tokens.",
        f"at {crossing:.0f} tokens" if crossing else "they never do here",
        crossing is not None and abs(crossing / (6 * width) - 1) < 0.02,
    )


def _writes(lengths: Sequence[int], written: Sequence[int]) -> Check:
    growth = written[-1] / written[-2]
    return Check(
        "The memory that they write grows as the square of the length.",
        f"{_size(written[-2])} at {lengths[-2]} tokens, {_size(written[-1])} at {lengths[-1]}: "
        f"× {growth:.2f}",
        growth > 3.5,
    )


def _exact(block: Block) -> Check:
    """Against the formula written out, over all tokens and in double precision."""
    vectors = (block.queries, block.keys, block.values)
    queries, keys, values = (tensor.double() for tensor in vectors)
    if block.kernel == "local":
        queries, keys, values = (
            tensor.flatten(2, 3)
            for tensor in (queries, keys, values)  # (1, H, N, 32, D) -> T
        )
    exact = (queries @ keys.mT * block.scale).softmax(dim=-1) @ values  # (1, H, T, D)
    difference = float((block.read_one_another().reshape(exact.shape) - exact).abs().max())
    return Check(
        "The kernel computes exact attention.",
        f"largest difference from softmax(QKᵀ/√D)V in double precision: {difference:.1e}",
        difference < 1e-4,
    )


def _size(count: int) -> str:
    return f"{count / 2**20:.2f} MiB"


def _over_length(
    lengths: Sequence[int],
    runs: Sequence[Measured],
    slopes: Sequence[list[float]],
    quantity: Literal["time", "operations", "memory"],
    width: int,
) -> go.Figure:
    """Both parts over the length, log-log: a power of the length is a straight line."""
    title, unit = {
        "time": ("Time of one block: median and range", "milliseconds (log)"),
        "operations": ("Operations counted in one block", "operations (log)"),
        "memory": ("Memory written by one block", "MiB (log)"),
    }[quantity]
    figure = go.Figure()
    for name, part, powers in zip(PARTS, runs, slopes, strict=True):
        values: Sequence[float] = part.medians
        trace: dict[str, Any] = {"name": name}
        if quantity == "time":
            trace["name"] = f"{name}: n<sup>{statistics.median(powers):.2f}</sup>"
            trace["error_y"] = {
                "array": [max(t) - m for t, m in zip(part.times, values, strict=True)],
                "arrayminus": [m - min(t) for t, m in zip(part.times, values, strict=True)],
            }
        if quantity == "operations":
            values = part.operations
        if quantity == "memory":
            values = [count / 2**20 for count in part.written]
        y = [float(f"{value:.4g}") for value in values]
        figure.add_scatter(
            x=list(lengths), y=y, mode="lines+markers", hovertemplate="%{x} tokens: %{y}", **trace
        )
    if lengths[0] < 6 * width < lengths[-1] and quantity != "memory":
        mark = {"color": "var(--ink-soft)", "width": 1, "dash": "dot"}
        figure.add_vline(x=6 * width, line=mark)
        figure.add_annotation(
            x=math.log10(6 * width), y=1, yref="paper", xanchor="right", text="6d", showarrow=False
        )
    figure.update_layout(
        template=None,
        title={"text": title},
        height=400,
        margin={"t": 60},
        legend={"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"},
        xaxis={
            "type": "log",
            "title": {"text": "length n in tokens (log)"},
            "tickvals": list(lengths),
            "showgrid": False,
        },
        yaxis={"type": "log", "title": {"text": unit}, "dtick": "D2" if quantity == "time" else 1},
    )
    return figure


def _table(lengths: Sequence[int], runs: Sequence[Measured]) -> Table:
    names = ("scores and sum", "linear")
    return Table(
        columns=(
            "tokens",
            *(f"{name}: ms" for name in names),
            *(f"{name}: fastest to slowest" for name in names),
            *(f"{name}: operations" for name in names),
            *(f"{name}: bytes written" for name in names),
        ),
        rows=tuple(
            (
                length,
                *(round(part.medians[place], 3) for part in runs),
                *(f"{min(part.times[place]):.3f} to {max(part.times[place]):.3f}" for part in runs),
                *(part.operations[place] for part in runs),
                *(part.written[place] for part in runs),
            )
            for place, length in enumerate(lengths)
        ),
    )
