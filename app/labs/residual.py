"""Residual connections: what the skip does for gradients and for tokens.

A sublayer adds to the stream instead of replacing it. Look at fresh networks first: take the skips
away and what happens depends on the rest. With normalised sublayers and weights of 1/√d the first
layer's gradient is as large as ever, but all tokens become one and the same, and the query weights
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
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Illustration, LabParams, Prediction, Table
from app.labs.translation import Sentence, heat_map, notes, translate
from model.checkpoint import Models
from model.config import Switches
from model.trace import Trace

Norm = Literal["before", "after", "none"]
TOKENS, CHANNELS, REPEATS = 12, 32, 3
NEAR = 1e-3  # two gradients are of one order as long as neither is less than this share of the other
FLOOR = 1e-30  # what is smaller is drawn as this

PREDICT = Prediction(
    "Take the skips away from this fresh network: how large is the first layer's gradient (of its "
    "value weights) then, beside the last layer's?",
    ("About as large still.", "Smaller by orders of magnitude.", "Larger by orders of magnitude."),
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
    return _trained(params, models) if params.look == "trained" else _fresh(params)


@dataclass(frozen=True)
class Run:
    """A fresh network with L blocks, in R draws: what came out, and the gradients."""

    queries: Tensor  # gradient norm of every block's query weights, (L, R)
    values: Tensor  # and of its value weights, (L, R)
    apart: Tensor  # how far tokens differ, as a share of the stream, after each block, (L + 1, R)
    variance: Tensor  # of the stream, likewise, (L + 1, R)
    missing: float  # what the last state lacks of embedding plus all outputs, as a share


def propagate(depth: int, skips: bool, norm: Norm, scale: float) -> Run:
    """Forward and back through `depth` fresh blocks of attention and a feed-forward network, the
    loss a random direction of the output."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(REPEATS, *shape, generator=generator, dtype=torch.double)

    start, direction = draw(TOKENS, CHANNELS), draw(TOKENS, CHANNELS)  # (R, T, C)
    spread = scale / math.sqrt(CHANNELS)
    blocks = [
        [(draw(CHANNELS, CHANNELS) * spread).requires_grad_() for _ in range(5)]
        for _ in range(depth)
    ]
    stream, states, written = start, [start], start
    for queries, keys, values, widen, narrow in blocks:
        for weights in ((queries, keys, values), (widen, narrow)):
            found = sublayer(normalise(stream) if norm == "before" else stream, *weights)
            written = written + found
            stream = stream + found if skips else found
            stream = normalise(stream) if norm == "after" else stream
        states.append(stream)
    output = normalise(stream) if norm == "before" else stream
    wanted = [weights for block in blocks for weights in (block[0], block[2])]
    gradients = torch.autograd.grad((output * direction).sum(), wanted)
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients])  # (2L, R)
    every = torch.stack(states).detach()  # (L + 1, R, T, C)
    differing = every - every.mean(dim=2, keepdim=True)
    return Run(
        queries=norms[0::2],
        values=norms[1::2],
        apart=differing.flatten(2).norm(dim=2) / every.flatten(2).norm(dim=2),
        variance=every.flatten(2).var(dim=2),
        missing=float((stream - written).norm() / written.norm()),
    )


def sublayer(stream: Tensor, *weights: Tensor) -> Tensor:
    """What attention (three matrices) or a feed-forward network (two) makes of `stream` (R, T, C).
    √2 makes up for what ReLU takes away (He et al. 2015)."""
    if len(weights) == 2:
        return math.sqrt(2) * F.relu(stream @ weights[0]) @ weights[1]  # (R, T, C)
    queries, keys, values = (stream @ matrix for matrix in weights)  # (R, T, C) each
    return F.scaled_dot_product_attention(queries, keys, values)


def normalise(stream: Tensor) -> Tensor:
    return F.layer_norm(stream, stream.shape[-1:])
