"""The projections of an attention layer, taken apart and put together another way.

T tokens, C channels, H heads, G key heads, D channels a head.
"""

import copy

import torch
from torch import Tensor, nn

from model.attention import Attention, Cache, Call, View
from model.positions import Positions
from model.trace import Trace


def grouped(trained: Attention, key_heads: int) -> Attention:
    """The trained layer with fewer key heads, each the mean of those that it replaces. Ainslie et
    al. 2023, section 2.1, who then train it a little more."""
    layer = copy.deepcopy(trained)
    layer.key_heads = key_heads
    layer.keys = fewer_heads(trained.keys, trained.heads, key_heads)
    layer.values = fewer_heads(trained.values, trained.heads, key_heads)
    return layer


def fewer_heads(linear: nn.Linear, heads: int, key_heads: int) -> nn.Linear:
    """The map to `heads` heads as one to fewer: the means of the rows of those that become one."""
    each = (key_heads, heads // key_heads, -1)
    weight = linear.weight.view(*each, linear.in_features)  # (H*D, C) -> (G, H/G, D, C)
    bias = linear.bias.view(each)  # (H*D,) -> (G, H/G, D)
    return with_weights(linear, weight.mean(dim=1).flatten(0, 1), bias.mean(dim=1).flatten())


def with_weights(linear: nn.Linear, weight: Tensor, bias: Tensor) -> nn.Linear:
    """A linear map like `linear` with these weights (N, C) and biases (N,)."""
    other = copy.deepcopy(linear)
    other.weight, other.bias = nn.Parameter(weight, False), nn.Parameter(bias, False)
    other.out_features = len(weight)
    return other


def stack(layer: Attention) -> tuple[Tensor, Tensor]:
    """The three matrices on top of one another, (H*D + 2*G*D, C), and so their biases."""
    parts = (layer.queries, layer.keys, layer.values)
    return torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts])


def unstack(rows: Tensor, layer: Attention, *, misread: bool) -> list[Tensor]:
    """Queries, keys and values out of the rows (H*D + 2*G*D, ...) of a stack: one after another,
    or, misread, in the order of the heads: the queries of a group, its key, its value."""
    heads, groups, width = layer.heads, layer.key_heads, layer.width
    if not misread:
        return list(torch.split(rows, [heads * width, groups * width, groups * width]))
    parted = rows.view(groups, heads // groups + 2, width, *rows.shape[1:])  # (G, H/G + 2, D, ...)
    parts = torch.split(parted, [heads // groups, 1, 1], dim=1)
    return [part.flatten(0, 2) for part in parts]  # (G, H/G or 1, D, ...) -> (H*D or G*D, ...)


def restack(layer: Attention, *, misread: bool) -> Attention:
    """The layer with its three matrices taken out of their stack again."""
    taken = copy.deepcopy(layer)
    weights, biases = (unstack(rows, layer, misread=misread) for rows in stack(layer))
    for name, weight, bias in zip(("queries", "keys", "values"), weights, biases, strict=True):
        setattr(taken, name, with_weights(getattr(layer, name), weight, bias))
    return taken


def attend(layer: Attention, stream: Tensor, trace: Trace) -> Tensor:
    """Self-attention of all tokens to all, of a `stream` (1, T, C) that holds positions already."""
    output: Tensor = layer(stream, None, anywhere(stream), Call(trace=trace))
    return output


def anywhere(stream: Tensor) -> View:
    return View(places=torch.arange(stream.shape[1]), positions=Positions())


def cached(layer: Attention, length: int) -> int:
    """The bytes that a cache holds of a text of this length, in one layer."""
    stream, cache = torch.zeros(1, length, layer.queries.in_features), Cache()
    layer.read_self(stream, anywhere(stream), cache)
    return sum(held.nbytes for held in cache.entries[layer.name])


def one_way(scores: Tensor) -> float:
    """How far `scores` (T, T) are from symmetric: 0 if they are, 1 if each is minus its back."""
    length = torch.linalg.matrix_norm
    return float(length(scores - scores.T) / (2 * length(scores)))
