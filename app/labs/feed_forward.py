"""Feed-forward: every token by itself, through 512 neurons.

After attention has gathered, the feed-forward network works on each token alone, with the same
weights everywhere: it widens the vector fourfold, lets few neurons through, and adds up what those
stand for. You see which neurons of the French decoder fire, and which words the strongest push.
Let it mix neighbours and it is no longer position-wise; take the activation off and two matrices
are one; silence it and the translation falls apart.
"""

from collections.abc import Sequence
from typing import Annotated

import plotly.graph_objects as go
import torch
from pydantic import Field
from torch import Tensor, nn

from app.labs.illustration import Check, Illustration, LabParams, Prediction, Table
from app.labs.parts.neurons import (
    Altered,
    Network,
    layer_of,
    promoted,
    sizes,
    strongest,
    with_feed_forward,
)
from app.labs.parts.translation import Layer, Sentence, notes, translate
from model.checkpoint import Models
from model.feed_forward import FeedForward, bend
from model.trace import Trace
from model.translator import Translation

PREDICT = Prediction(
    "Of the neurons of the feed-forward network, how many fire for a token, on average?",
    ("Nearly all of them.", "About half.", "Less than half."),
)


class Params(LabParams):
    sentence: Sentence = "The red cars are not old."
    layer: Layer = "2"
    token: Annotated[
        int,
        Field(
            title="Token",
            description="Which French token is looked at closely, 1 being the first of the text.",
            ge=1,
            le=63,
        ),
    ] = 5
    altered: Annotated[
        Altered,
        Field(
            title="Feed-forward network",
            description="As trained, or changed in this layer: without its activation, reading the "
            "mean of a token and the one before, or with every neuron at zero.",
        ),
    ] = "as trained"


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    translation = translate(params.sentence, models)
    trained, layer = models.translator.network, int(params.layer) - 1
    network = with_feed_forward(trained, layer, params.altered)
    trace: Trace = {}
    logits = network(translation.source_ids, translation.target_ids, trace=trace)[0]  # (T, V)
    part = layer_of(network, layer)
    stream = part.norms["feed_forward"](trace[f"decoder.{layer}.residual.cross_attention"])
    altered: Network = part.feed_forward  # type: ignore[assignment]
    activations = trace[f"decoder.{layer}.feed_forward.activations"][0]  # (T, hidden)
    place = min(params.token, len(activations)) - 1
    neurons = strongest(activations[place], altered.inner)
    pushed = [promoted(number, altered.inner, models.translator) for number in neurons]
    tokens = translation.target_tokens
    fires = float((activations != 0).float().mean())
    return Illustration(
        figures=(
            _map(activations, tokens, layer + 1),
            _bars(neurons, pushed, activations[place], altered.inner, tokens[place]),
        ),
        reading=_reading(translation, place, activations, neurons, pushed),
        checks=(
            _by_itself(altered, stream, place),
            _widens(stream, activations),
            _non_linear(altered, stream),
            _memory(altered, stream),
            _share(part),
            _translates(logits, translation),
        ),
        table=_table(neurons, pushed, activations, altered.inner, tokens),
        notes=notes(params.sentence, translation, models),
        outcome=0 if fires > 0.75 else 1 if fires > 0.4 else 2,
    )


def _reading(
    translation: Translation,
    place: int,
    activations: Tensor,
    neurons: Sequence[int],
    pushed: Sequence[Sequence[str]],
) -> str:
    positive = (activations > 0).float().mean(dim=-1)  # (T,)
    values = activations[place]  # (hidden,)
    firing, token = int((values != 0).sum()), translation.target_tokens[place]
    first = f"No neuron fires at “{token}”."
    if firing:
        tokens = ", ".join(f"“{other}”" for other in pushed[0])
        first = (
            f"At “{token}”, where “{translation.output_tokens[place]}” comes next, {firing} of "
            f"{len(values)} neurons are not zero. The strongest, neuron {neurons[0] + 1}, is at "
            f"{float(values[neurons[0]]):.2f} and pushes {tokens}."
        )
    return (
        f"{first} Over the text {float(positive.mean()):.0%} of the neurons are above zero at a "
        f"token ({float(positive.min()):.0%} to {float(positive.max()):.0%})."
    )


def _by_itself(altered: Network, stream: Tensor, place: int) -> Check:
    generator = torch.Generator().manual_seed(0)
    other = torch.randn(stream.shape, generator=generator).to(stream.device)
    other[:, place] = stream[:, place]
    whole, changed = altered(stream, None), altered(other, None)
    alone = altered(stream[:, place : place + 1], None)  # (1, 1, C)
    largest = float(whole.abs().max())
    moved = float((whole - changed)[:, place].abs().max()) / largest
    apart = float((whole[:, place] - alone[:, 0]).abs().max()) / largest
    return Check(
        "Each token is treated by itself, and all by the same function.",
        f"other vectors at all other places move its output by {moved:.1e} of the largest number, "
        f"leaving all others out by {apart:.1e}",
        max(moved, apart) < 1e-5,
    )


def _widens(stream: Tensor, activations: Tensor) -> Check:
    outer, inside = stream.shape[-1], activations.shape[-1]
    return Check(
        "Inside, a token's vector is wider than outside.",
        f"{outer} numbers become {inside} and {outer} again: × {inside / outer:.1f}",
        inside > outer,
    )


def _non_linear(altered: Network, stream: Tensor) -> Check:
    """A map f(x) = Ax + b has f(x + y) + f(0) = f(x) + f(y)."""
    other = stream.flip(1)
    sum_first = altered(stream + other, None) + altered(torch.zeros_like(stream), None)
    sum_last = altered(stream, None) + altered(other, None)
    departure = float((sum_first - sum_last).norm() / sum_last.norm())
    return Check(
        "The activation makes it more than one matrix could do.",
        f"f(x + y) + f(0) is off f(x) + f(y) by {departure:.1%} of its length",
        departure > 0.05,
    )


def _memory(altered: Network, stream: Tensor) -> Check:
    """Neuron by neuron: FFN(x) = Σⱼ φ(kⱼ·x + bⱼ) vⱼ + b. Geva et al. 2021, equation 2."""
    inner, output = altered.inner, altered(stream, None)[0]  # (T, C)
    added = inner.narrow.bias.expand_as(output).clone()  # (T, C)
    matches = bend(stream[0] @ inner.widen.weight.T + inner.widen.bias, inner.activation)
    for match, value in zip(matches.T, inner.narrow.weight.T, strict=True):  # (T,), (C,)
        added += match[:, None] * value
    difference = float((added - output).abs().max() / output.abs().max())
    return Check(
        "Every neuron whose key matches the token adds its value vector, and that is all.",
        f"the sum over {matches.shape[1]} neurons is off by {difference:.1e} of the largest number",
        difference < 1e-5,
    )


def _share(part: nn.Module) -> Check:
    held = {name: _matrices(module) for name, module in part.named_children()}
    own, attention = held["feed_forward"], held["self_attention"]
    share, all_of_it = own / (own + attention), own / sum(held.values())
    return Check(
        "Of the weights of a block, it has about two thirds.",
        f"{own:,} to self-attention's {attention:,}: {share:.1%}; in this decoder, which has "
        f"cross-attention besides, {all_of_it:.1%}",
        abs(share - 2 / 3) < 0.02,
    )


def _matrices(module: nn.Module) -> int:
    return sum(weights.numel() for weights in module.parameters() if weights.dim() > 1)


def _translates(logits: Tensor, translation: Translation) -> Check:
    right = int((logits.argmax(dim=-1) == translation.output_ids).sum())
    chosen = logits.log_softmax(dim=-1).gather(1, translation.output_ids[:, None])  # (T, 1)
    return Check(
        "With the network as it is here the model writes the translation that it was trained to.",
        f"right at {right} of {len(logits)} places, log-probability {float(chosen.sum()):.2f}",
        right == len(logits),
    )


def _map(activations: Tensor, tokens: Sequence[str], layer: int) -> go.Figure:
    signed = bool((activations < 0).any())
    most = max(float(activations.abs().max()), 1e-3)
    figure = go.Figure(
        go.Heatmap(
            z=[[float(f"{value:.3g}") for value in row] for row in activations.tolist()],
            x0=1,
            coloraxis="coloraxis",
            hovertemplate="neuron %{x}: %{z}<extra></extra>",
        )
    )
    colours = {"cmid": 0, "cmin": -most, "cmax": most} if signed else {"cmin": 0, "cmax": most}
    figure.update_layout(
        template=None,
        title={"text": f"Which neurons fire, decoder, layer {layer}"},
        height=170 + 26 * len(tokens),
        coloraxis=colours | {"colorbar": {"title": {"text": "activation"}}},
        xaxis={"title": {"text": "neuron"}, "showgrid": False, "zeroline": False},
        yaxis={
            "title": {"text": "French token read"},
            "tickvals": list(range(len(tokens))),
            "ticktext": list(tokens),
            "autorange": "reversed",
            "showgrid": False,
            "zeroline": False,
        },
    )
    return figure


def _bars(
    neurons: Sequence[int],
    pushed: Sequence[Sequence[str]],
    activations: Tensor,
    inner: FeedForward,
    token: str,
) -> go.Figure:
    added = sizes(activations, inner)[list(neurons)].tolist()
    labels = [
        f"{number + 1}: {' '.join(tokens)}" for number, tokens in zip(neurons, pushed, strict=True)
    ]
    figure = go.Figure(
        go.Bar(
            x=[float(f"{value:.4g}") for value in added],
            y=list(range(len(neurons))),
            orientation="h",
            customdata=labels,
            hovertemplate="neuron %{customdata}: %{x}<extra></extra>",
        )
    )
    figure.update_layout(
        template=None,
        title={"text": f"What the strongest neurons add at “{token}”"},
        height=170 + 30 * len(neurons),
        xaxis={"title": {"text": "length of the vector added"}},
        yaxis={
            "title": {"text": "neuron: tokens that it pushes"},
            "tickvals": list(range(len(neurons))),
            "ticktext": labels,
            "autorange": "reversed",
        },
    )
    return figure


def _table(
    neurons: Sequence[int],
    pushed: Sequence[Sequence[str]],
    activations: Tensor,
    inner: FeedForward,
    tokens: Sequence[str],
) -> Table:
    lengths = inner.narrow.weight.norm(dim=0)  # (hidden,)
    return Table(
        columns=("neuron", "pushes", "length of its value", *tokens),
        rows=tuple(
            (
                number + 1,
                " ".join(names),
                round(float(lengths[number]), 3),
                *(round(value, 3) for value in activations[:, number].tolist()),
            )
            for number, names in zip(neurons, pushed, strict=True)
        ),
    )
