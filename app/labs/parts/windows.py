"""A stack whose tokens see only those just before them, and a text cut into chunks."""

import torch
from torch import Tensor

from model.attention import Call, View
from model.positions import Positions
from model.transformer import Stack


def read(stack: Stack, embeddings: Tensor, window: int = 0) -> Tensor:
    """The stream (B, T, C) after the last layer of a decoder where each of `embeddings` (B, T, C)
    sees itself and so many tokens that `window` is full; 0: all before it, as `stack` itself."""
    places = torch.arange(embeddings.shape[1])  # (T,)
    back = places[:, None] - places  # (T, T)
    seen = (back >= 0) & (back < window) if window else back >= 0
    view = View(
        places=places,
        mask=seen,
        bias=stack.positions.bias(places, places),
        positions=stack.positions,
    )
    across = View(places=places, positions=Positions())
    stream = stack.positions.embed(embeddings * stack.scale, places)
    for layer in stack.layers:
        stream = layer(stream, None, view, across, Call())
    output: Tensor = stack.norm(stream)
    return output
