"""Layer normalisation: what it takes its mean over, and where it stands.

The trained translator's own stream goes through LayerNorm, RMSNorm or BatchNorm. LayerNorm looks
at the channels of one token and nothing else, so that neither the batch nor the mode of the network
matters; BatchNorm needs both. RMSNorm leaves the mean where it is. Trained gains and biases undo
mean 0 and variance 1. Below, fresh stacks of feed-forward sublayers: normalise before each sublayer
and the last one's gradient shrinks with depth; normalise after each sum and it does not, to which
Xiong et al. (2020) trace post-norm's need of a warm-up.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from app.labs.illustration import Check, Chosen, Illustration, LabParams, Prediction, Table
from app.labs.parts.bands import POWERS, add_line, finish, median, shorten
from app.labs.parts.translation import Sentence, axis_of_tokens, notes, translate
from model.checkpoint import Models
from model.trace import Trace

Kind = Literal["layer", "rms", "batch"]
Place = Literal["before", "after"]
KINDS: dict[Kind, str] = {"layer": "LayerNorm", "rms": "RMSNorm", "batch": "BatchNorm"}
PLACES: dict[Place, str] = {"before": "pre-norm", "after": "post-norm"}
COMPANIONS = ("You see the old houses.", "The child eats a green apple.")  # the rest of the batch
TOKENS, CHANNELS, REPEATS = 32, 48, 5
EXACT = 1e-3

PREDICT = Prediction(
    "From 1 block to the deepest stack set here, placed as set, before any training: what happens "
    "to the gradient of the last block's output weights?",
    ("It stays within a factor of two.", "It shrinks.", "It grows."),
)


class Params(LabParams):
    norm: Annotated[
        Kind,
        Field(
            title="Normalisation",
            description="LayerNorm and RMSNorm: over the channels of a token. BatchNorm: over the "
            "tokens of the batch.",
            json_schema_extra={"labels": dict(KINDS)},
        ),
    ] = "layer"
    gain: Annotated[
        Literal["fresh", "trained"],
        Field(
            title="Gain and bias",
            description="Fresh: 1 and 0. Trained: the translator's own.",
        ),
    ] = "fresh"
    place: Annotated[
        Place,
        Field(
            title="Placement",
            description="Of the norm in the fresh stacks: x + F(norm(x)) or norm(x + F(x)).",
            json_schema_extra={"labels": dict(PLACES)},
        ),
    ] = "before"
    depth: Annotated[
        Literal["16", "32", "64"],
        Chosen,
        Field(title="Blocks", description="The deepest of the fresh stacks."),
    ] = "32"
    sentence: Sentence = "The red cars are not old."


def illustrate(params: Params, models: Models) -> Illustration:
    translation = translate(params.sentence, models)
    own = read_stream(translation.source_ids, models)  # (T, C)
    others = [read_stream(models.translator.encode(text, "fr"), models) for text in COMPANIONS]
    module = build(params.norm, params.gain == "trained", models)
    with torch.no_grad():
        output = module(torch.cat((own, *others)))[: len(own)]  # (T, C)
        checks = _checks(module, own, torch.cat(others), output)
    depths = [2**power for power in range(int(params.depth).bit_length())]
    stacks: dict[Place, Tensor] = {  # (N, R) each
        place: torch.stack([last_gradient(depth, place, params.norm) for depth in depths])
        for place in PLACES
    }
    chosen = stacks[params.place]
    change = float(chosen[-1].median() / chosen[0].median())
    return Illustration(
        figures=(
            _token_figure(own, output, translation.source_tokens, params),
            _depth_figure(depths, stacks, params),
        ),
        reading=_reading(params, own, output, stacks),
        checks=(*checks, _shrinks(depths, chosen, params)),
        table=_table(depths, stacks),
        notes=notes(params.sentence, translation, models),
        outcome=1 if change < 0.5 else 2 if change > 2 else 0,
    )


@torch.no_grad()
def read_stream(ids: Tensor, models: Models) -> Tensor:
    """The encoder's stream (T, C) between its two layers, for one sentence's `ids` (1, T)."""
    trace: Trace = {}
    models.translator.network.encode(ids, trace=trace)
    return trace["encoder.0.residual.feed_forward"][0]


def build(kind: Kind, trained: bool, models: Models) -> nn.Module:
    """The norm over C channels, its gain and bias fresh or those of the translator's LayerNorm
    at that place; RMSNorm has no bias."""
    network = models.translator.network
    assert network.encoder is not None
    makers = {"layer": nn.LayerNorm, "rms": nn.RMSNorm, "batch": nn.BatchNorm1d}
    module: nn.Module = makers[kind](network.config.channels, eps=network.config.norm_epsilon)
    if trained:
        own = network.encoder.get_submodule("layers.1.norms.self_attention")
        module.load_state_dict(own.state_dict(), strict=False)  # RMSNorm takes the gain alone
    return module


def normalise(stream: Tensor, kind: Kind) -> Tensor:
    """`stream` (R, T, C) without gain and bias; BatchNorm over the T tokens of each of R draws."""
    match kind:
        case "layer":
            return F.layer_norm(stream, stream.shape[-1:])
        case "rms":
            return F.rms_norm(stream, stream.shape[-1:], eps=1e-5)
        case "batch":
            centred = stream - stream.mean(dim=1, keepdim=True)
            return centred / (centred.square().mean(dim=1, keepdim=True) + 1e-5).sqrt()


def last_gradient(depth: int, place: Place, kind: Kind) -> Tensor:
    """Gradient norms (R,) of the last block's output weights in R fresh stacks of `depth` blocks,
    the loss a random direction of the output. Xiong et al. 2020."""
    generator = torch.Generator().manual_seed(depth)

    def draw(*shape: int) -> Tensor:
        return torch.randn(REPEATS, *shape, generator=generator)

    stream, narrow = draw(TOKENS, CHANNELS), torch.empty(0)
    for block in range(depth):
        widen = draw(CHANNELS, CHANNELS) * math.sqrt(2 / CHANNELS)  # He et al. 2015
        narrow = draw(CHANNELS, CHANNELS) / math.sqrt(CHANNELS)
        narrow.requires_grad_(block == depth - 1)
        read = normalise(stream, kind) if place == "before" else stream
        stream = stream + F.relu(read @ widen) @ narrow  # (R, T, C)
        stream = normalise(stream, kind) if place == "after" else stream
    output = normalise(stream, kind) if place == "before" else stream
    (gradient,) = torch.autograd.grad((output * draw(TOKENS, CHANNELS)).sum(), narrow)
    norms: Tensor = gradient.flatten(1).norm(dim=1)  # (R, C, C) -> (R,)
    return norms


def _checks(module: nn.Module, own: Tensor, others: Tensor, output: Tensor) -> tuple[Check, ...]:
    """`own` (T, C) is the sentence's stream, `others` the rest of the batch, `output` (T, C)."""
    off_mean = float(output.mean(dim=1).abs().max())
    off_variance = float((output.var(dim=1, correction=0) - 1).abs().max())
    alone = float((module(own) - output).abs().max())
    module.eval()
    inferred = float((module(own) - output).abs().max())
    module.train()
    batch = torch.cat((own, others))
    scaled = float((module(1000 * batch)[: len(own)] - output).abs().max())
    shifted = float((module(batch + 5)[: len(own)] - output).abs().max())
    return (
        Check(
            "Each token comes out with mean 0.",
            f"largest mean of a token's channels: {off_mean:.2g}",
            off_mean < EXACT,
        ),
        Check(
            "Each token comes out with variance 1.",
            f"farthest variance of a token's channels from 1: {off_variance:.2g}",
            off_variance < EXACT,
        ),
        Check(
            "A token's result does not depend on the other sentences of the batch.",
            f"alone, a number changes by up to {alone:.2g}",
            alone < EXACT,
        ),
        Check(
            "Training and inference compute the same.",
            f"in inference mode a number changes by up to {inferred:.2g}",
            inferred < EXACT,
        ),
        Check(
            "The scale of the input does not matter.",
            f"multiplied by 1,000, a number changes by up to {scaled:.2g}",
            scaled < EXACT,
        ),
        Check(
            "Adding the same number to every channel changes nothing.",
            f"with 5 added, a number changes by up to {shifted:.2g}",
            shifted < EXACT,
        ),
    )


def _exponent(depths: Sequence[int], gradients: Tensor) -> float:
    """The slope of log gradient (N, R) over log depth, by least squares."""
    x = torch.tensor(depths, dtype=torch.float).log()
    y = gradients.log().mean(dim=1)
    x = x - x.mean()
    return float((x * y).sum() / x.square().sum())


def _shrinks(depths: Sequence[int], gradients: Tensor, params: Params) -> Check:
    exponent = _exponent(depths, gradients)
    return Check(
        "The last block's gradient shrinks with the number L of blocks, nearly as 1/√L.",
        f"{PLACES[params.place]}, 1 to {params.depth} blocks: as L to the power {exponent:.2f}",
        -0.65 < exponent < -0.25,
    )


def _reading(params: Params, own: Tensor, output: Tensor, stacks: dict[Place, Tensor]) -> str:
    deep = {place: gradients[-1] for place, gradients in stacks.items()}
    first = {place: gradients[0] for place, gradients in stacks.items()}
    return (
        f"Into {KINDS[params.norm]} go tokens whose channels have means of "
        f"{_span(own.mean(dim=1))} and standard deviations of "
        f"{_span(own.std(dim=1, correction=0))}; out come means of {_span(output.mean(dim=1))} "
        f"and deviations of {_span(output.std(dim=1, correction=0))}. "
        f"Before any training, the last block's gradient goes from {median(first['before'])} with "
        f"1 block to {median(deep['before'])} with {params.depth} in pre-norm, and from "
        f"{median(first['after'])} to {median(deep['after'])} in post-norm (medians of {REPEATS} "
        "draws; bands from the lowest to the highest)."
    )


def _span(values: Tensor) -> str:
    low, high = (
        f"{round(value, 2) + 0.0:.2f}" for value in (float(values.min()), float(values.max()))
    )
    return low if low == high else f"{low} to {high}"


def _token_figure(own: Tensor, output: Tensor, tokens: Sequence[str], params: Params) -> go.Figure:
    figure = go.Figure()
    places = torch.arange(len(tokens))
    parts = ((own, "what goes in", -0.12), (output, f"what {KINDS[params.norm]} puts out", 0.12))
    for number, (values, name, aside) in enumerate(parts, start=1):
        color = f"var(--series-{number})"
        figure.add_scatter(
            x=shorten(places + aside),
            y=shorten(values.mean(dim=1)),
            error_y={
                "array": shorten(values.std(dim=1, correction=0)),
                "color": color,
                "thickness": 3,
                "width": 0,
            },
            mode="markers",
            marker={"color": color, "size": 9},
            name=name,
            hovertemplate="mean %{y}, standard deviation %{error_y.array}",
        )
    finish(figure, "Mean and deviation of each token's channels", 420)
    figure.update_layout(xaxis=axis_of_tokens(tokens, "token of the sentence"))
    figure.update_yaxes(title={"text": "value of the channels"}, zeroline=True)
    return figure


def _depth_figure(depths: Sequence[int], stacks: dict[Place, Tensor], params: Params) -> go.Figure:
    figure = go.Figure()
    for number, (place, gradients) in enumerate(stacks.items(), start=1):
        thick = place == params.place
        add_line(figure, depths, gradients, PLACES[place], series=number, thick=thick)
    finish(figure, "Gradient of the last block's weights", 420)
    figure.update_xaxes(title={"text": "blocks (log scale)"}, type="log", tickvals=depths)
    figure.update_yaxes(title={"text": "gradient norm (log scale)"}, **POWERS)
    return figure


def _table(depths: Sequence[int], stacks: dict[Place, Tensor]) -> Table:
    numbers = [shorten(gradients.median(dim=1).values) for gradients in stacks.values()]
    return Table(
        columns=("blocks", *(f"last gradient, {name}" for name in PLACES.values())),
        rows=tuple(zip(depths, *numbers, strict=True)),
    )
