"""The neurons of a feed-forward network in the translator's decoder, as trained or altered.

B batch, T tokens, C channels, V vocabulary; hidden: as many numbers as there are neurons.
"""

import copy
from typing import Literal

import torch
from torch import Tensor, nn

from model.feed_forward import FeedForward, bend
from model.trace import Trace, record
from model.transformer import Layer, Transformer
from model.translator import Translator

STRONGEST = 8
Altered = Literal["as trained", "no activation", "mixes neighbours", "silenced"]


class Network(nn.Module):
    """The trained feed-forward network `inner`, or what it is altered to."""

    def __init__(self, inner: FeedForward, altered: Altered) -> None:
        super().__init__()
        self.inner, self.altered = inner, altered

    def forward(self, stream: Tensor, trace: Trace | None) -> Tensor:
        """What each token of `stream` (B, T, C) adds to itself: (B, T, C)."""
        activations = self.fire(stream)
        record(trace, f"{self.inner.name}.activations", activations)
        output: Tensor = self.inner.narrow(activations)  # (B, T, hidden) -> (B, T, C)
        return output

    def fire(self, stream: Tensor) -> Tensor:
        """The neurons' activations: (B, T, C) -> (B, T, hidden)."""
        if self.altered == "mixes neighbours":
            before = torch.cat((stream[:, :1], stream[:, :-1]), dim=1)  # (B, T, C)
            stream = (stream + before) / 2
        widened: Tensor = self.inner.widen(stream)  # (B, T, C) -> (B, T, hidden)
        if self.altered == "no activation":
            return widened
        activations = bend(widened, self.inner.activation)
        return activations * 0 if self.altered == "silenced" else activations


def with_feed_forward(trained: Transformer, layer: int, altered: Altered) -> Transformer:
    """The network with one feed-forward of the decoder altered; the weights are shared with it,
    the modules are its own, so that nobody else's request notices."""
    shared = {id(weights): weights for weights in trained.parameters()}
    network = copy.deepcopy(trained, shared)
    part = layer_of(network, layer)
    part.feed_forward = Network(part.feed_forward, altered)  # type: ignore[assignment]
    return network


def layer_of(network: Transformer, number: int) -> Layer:
    """The decoder's layer of this number, the first being 0."""
    assert network.decoder is not None
    layer = network.decoder.layers[number]
    assert isinstance(layer, Layer)
    return layer


def sizes(activations: Tensor, inner: FeedForward) -> Tensor:
    """How much each neuron adds, as the length of its vector times |activation|: (hidden,)."""
    lengths: Tensor = torch.linalg.vector_norm(inner.narrow.weight, dim=0)  # -> (hidden,)
    return activations.abs() * lengths


def strongest(activations: Tensor, inner: FeedForward) -> list[int]:
    """The neurons that add most to one token, strongest first, of `activations` (hidden,)."""
    order: list[int] = sizes(activations, inner).topk(STRONGEST).indices.tolist()
    return order


def promoted(neuron: int, inner: FeedForward, translator: Translator) -> list[str]:
    """The three tokens whose logits a neuron's value vector raises most, through the final norm's
    scale. Geva et al. 2021."""
    decoder = translator.network.decoder
    assert decoder is not None
    value = inner.narrow.weight[:, neuron]  # (C,)
    scale = decoder.norm.weight
    assert isinstance(scale, Tensor)
    scaled = (value - value.mean()) * scale  # (C,)
    raised = translator.network.output(scaled)  # (C,) -> (V,)
    return translator.tokenizer.pieces(raised.topk(3).indices.tolist())
