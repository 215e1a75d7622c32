"""Residual connections: what the skip does for gradients and for tokens.

A sublayer adds to the stream instead of replacing it. Look at fresh networks first: take the skips
away and what happens depends on the rest. With normalised sublayers and weights of 1/√d the first
layer's gradient keeps its order, but all tokens become one and the same, and the query weights
of later layers, which say where to look, get no gradient any more. Without normalisation and with
small weights the first layer's gradient does die. Then look into the trained translator, where the
stream is a sum to which every sublayer adds its part; without skips that is no longer so.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from plotly.subplots import make_subplots
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Illustration, LabParams, Prediction, Table
from app.labs.parts.bands import POWERS, add_line, finish, median, shorten
from app.labs.parts.residual_stream import read_stream
from app.labs.parts.translation import Sentence
from model.checkpoint import Models

Norm = Literal["before", "after", "none"]
TOKENS, CHANNELS, REPEATS = 12, 32, 5
SMALL = 1e-3  # a share below this is orders of magnitude
FLOOR = 1e-30  # what is smaller is drawn as this
ROUNDING = 1e-4  # by which a normalised stream may seem to grow

PREDICT = Prediction(
    "Take the skips away from this fresh network: what will become of the gradient of the first "
    "block's value weights?",
    ("It stays within a factor of 1,000.", "It falls by more.", "It grows by more."),
)


class Params(LabParams):
    look: Annotated[
        Literal["fresh", "trained"],
        Field(
            title="Look at",
            description="Gradients of networks as training begins, or the trained translator.",
            json_schema_extra={
                "labels": {"fresh": "fresh networks", "trained": "the trained translator"}
            },
        ),
    ] = "fresh"
    skips: Annotated[
        Literal["on", "off"],
        Field(title="Skips", description="Off: a sublayer's output takes the stream's place."),
    ] = "on"
    norm: Annotated[
        Norm,
        Field(
            title="Normalisation",
            description="Of fresh networks: of what a sublayer reads (pre-norm), of the sum after "
            "it (post-norm), or none.",
            json_schema_extra={
                "labels": {"before": "before each sublayer", "after": "after each sum"}
            },
        ),
    ] = "before"
    weights: Annotated[
        float,
        Field(
            title="Weights",
            description="Of fresh networks: standard deviation, times 1/√d.",
            ge=0.25,
            le=1,
        ),
    ] = 1.0
    depth: Annotated[
        int, Field(title="Blocks", description="Of fresh networks: how deep.", ge=2, le=48)
    ] = 24
    sentence: Sentence = "The red cars are not old."


def illustrate(params: Params, models: Models) -> Illustration:
    if params.look == "trained":
        return read_stream(params.sentence, params.skips == "on", models)
    return _fresh(params)


@dataclass(frozen=True)
class Run:
    """A fresh network with L blocks, in R draws: what came out, and the gradients."""

    queries: Tensor  # gradient norm of every block's query weights, (L, R)
    values: Tensor  # and of its value weights, (L, R)
    arriving: Tensor  # gradient norm of the stream at the bottom as a share of that on top, (R,)
    apart: Tensor  # how far tokens differ, as a share of the stream, after each block, (L + 1, R)
    variance: Tensor  # of the stream, likewise, (L + 1, R)
    missing: float  # what the last state lacks of embedding plus all outputs, as a share


def propagate(depth: int, skips: bool, norm: Norm, scale: float) -> Run:
    """Forward and back through `depth` fresh blocks, the loss a random direction of the output.
    The weights are the same with skips as without."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int, std: float = 1) -> Tensor:
        drawn = torch.randn(REPEATS, *shape, generator=generator, dtype=torch.double)
        return (std * drawn).requires_grad_()

    start, direction = draw(TOKENS, CHANNELS), draw(TOKENS, CHANNELS)  # (R, T, C)
    blocks = [
        [draw(CHANNELS, CHANNELS, std=scale / math.sqrt(CHANNELS)) for _ in range(5)]
        for _ in range(depth)
    ]
    states, outputs = pass_through(start, blocks, skips, norm)
    end = states[-1]
    loss = ((normalise(end) if norm == "before" else end) * direction).sum()
    wanted = [start, end, *(weights for block in blocks for weights in (block[0], block[2]))]
    gradients = torch.autograd.grad(loss, wanted)
    bottom, top, *norms = (gradient.flatten(1).norm(dim=1) for gradient in gradients)  # (R,) each
    every = torch.stack(states).detach()  # (L + 1, R, T, C)
    differing = every - every.mean(dim=2, keepdim=True)
    total = (start + torch.stack(outputs).sum(dim=0)).detach()  # (R, T, C)
    return Run(
        queries=torch.stack(norms[0::2]),
        values=torch.stack(norms[1::2]),
        arriving=bottom / top,
        apart=differing.flatten(2).norm(dim=2) / every.flatten(2).norm(dim=2),
        variance=every.flatten(2).var(dim=2),
        missing=float((every[-1] - total).norm() / total.norm()),
    )


def pass_through(
    stream: Tensor, blocks: list[list[Tensor]], skips: bool, norm: Norm
) -> tuple[list[Tensor], list[Tensor]]:
    """`stream` (R, T, C) before the first and after each of the `blocks` of five matrices; and
    what each of their two sublayers put out."""
    states, outputs = [stream], []
    for queries, keys, values, widen, narrow in blocks:
        for weights in ((queries, keys, values), (widen, narrow)):
            found = put_out(normalise(stream) if norm == "before" else stream, *weights)
            outputs.append(found)
            stream = stream + found if skips else found
            stream = normalise(stream) if norm == "after" else stream
        states.append(stream)
    return states, outputs


def put_out(stream: Tensor, *weights: Tensor) -> Tensor:
    """What attention (three matrices) or a feed-forward network (two) makes of `stream` (R, T, C).
    √2 makes up for what ReLU takes away (He et al. 2015)."""
    if len(weights) == 2:
        return math.sqrt(2) * F.relu(stream @ weights[0]) @ weights[1]  # (R, T, C)
    queries, keys, values = (stream @ matrix for matrix in weights)  # (R, T, C) each
    return F.scaled_dot_product_attention(queries, keys, values)


def normalise(stream: Tensor) -> Tensor:
    return F.layer_norm(stream, stream.shape[-1:])


def _fresh(params: Params) -> Illustration:
    runs = {
        skips: propagate(params.depth, skips == "on", params.norm, params.weights)
        for skips in ("on", "off")
    }
    with_skips, without, chosen = runs["on"], runs["off"], runs[params.skips]
    change = float(without.values[0].median() / with_skips.values[0].median())
    return Illustration(
        figures=(_gradient_figure(runs, params), _stream_figure(runs, params)),
        reading=(
            f"{params.depth} blocks, weights {params.weights:g}/√d. Without skips the gradient of "
            f"the first block's value weights is {change:.2g} of what it is with them. In the last "
            f"block the query weights get {median(with_skips.queries[-1])} with skips, "
            f"{median(without.queries[-1])} without; tokens differ there by "
            f"{median(with_skips.apart[-1])} and {median(without.apart[-1])} of the stream, "
            f"whose variance goes from {median(with_skips.variance[0])} to "
            f"{median(with_skips.variance[-1])} and {median(without.variance[-1])}. "
            f"Lines are medians of {REPEATS} draws, bands run from the lowest to the highest; "
            "below 1e-15 tokens differ by rounding alone."
        ),
        checks=_checks(chosen, params.depth),
        table=_table(runs),
        outcome=1 if change < SMALL else 2 if change > 1 / SMALL else 0,
    )


def _checks(run: Run, depth: int) -> tuple[Check, ...]:
    arriving = float(run.arriving.median())
    looking = float((run.queries[-1] / run.values[-1]).median())
    apart = float(run.apart[-1].median())
    variance = run.variance.mean(dim=1)  # (L + 1,)
    first, last = float(variance[0]), float(variance[-1])
    grew = int((variance[1:] > variance[:-1] * (1 + ROUNDING)).sum())
    return (
        Check(
            "The gradient at the top of the stream reaches the bottom.",
            f"at the bottom {arriving:.2g} of its size on top, past {2 * depth} sublayers",
            arriving > SMALL,
        ),
        Check(
            "Where to look matters up to the last block.",
            f"gradient of its query weights: {looking:.2g} of that of its value weights",
            looking > SMALL,
        ),
        Check(
            "Tokens stay apart.",
            f"they differ by {apart:.2g} of the last state",
            apart > 0.05,
        ),
        Check(
            "The last state is the embedding plus what every sublayer put out.",
            f"the two differ by {run.missing:.1e} of their size",
            run.missing < 1e-6,
        ),
        Check(
            "The stream's variance grows from block to block.",
            f"in {grew} of {depth} blocks; from {first:.2g} to {last:.2g}",
            grew >= 0.75 * depth,
        ),
    )


def _gradient_figure(runs: dict[str, Run], params: Params) -> go.Figure:
    figure = go.Figure()
    for number, (skips, run) in enumerate(runs.items(), start=1):
        for name, norms, dash in (("value", run.values, "solid"), ("query", run.queries, "dot")):
            add_line(
                figure,
                range(1, params.depth + 1),
                norms.clamp_min(FLOOR),
                f"{name} weights, skips {skips}",
                series=number,
                thick=skips == params.skips,
                dash=dash,
            )
    finish(figure, "Gradient of each block's weights", 440)
    figure.update_xaxes(title={"text": "block (1 is next to the input)"})
    figure.update_yaxes(title={"text": f"gradient norm (log, cut at {FLOOR:.0e})"}, **POWERS)
    return figure


def _stream_figure(runs: dict[str, Run], params: Params) -> go.Figure:
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    places = range(params.depth + 1)
    for number, (skips, run) in enumerate(runs.items(), start=1):
        thick = skips == params.skips
        for row, values in ((1, run.apart), (2, run.variance)):
            shown = values.clamp_min(FLOOR)
            add_line(figure, places, shown, f"skips {skips}", series=number, thick=thick, row=row)
    finish(figure, "The stream after each block", 540)
    figure.update_xaxes(title={"text": "blocks passed"}, row=2, col=1)
    figure.update_yaxes(title={"text": "tokens differ by (log)"}, row=1, col=1, **POWERS)
    figure.update_yaxes(title={"text": "variance (log scale)"}, row=2, col=1, **POWERS)
    return figure


def _table(runs: dict[str, Run]) -> Table:
    columns = (
        "skips",
        "block",
        "∇ value weights",
        "∇ query weights",
        "tokens differ by",
        "variance",
    )
    rows: list[tuple[str | float, ...]] = []
    for skips, run in runs.items():
        parts = (run.values, run.queries, run.apart[1:], run.variance[1:])
        numbers = torch.stack([part.median(dim=1).values for part in parts], dim=1)  # (L, 4)
        rows += [(skips, place, *shorten(row)) for place, row in enumerate(numbers, start=1)]
    return Table(columns, tuple(rows))
