"""The translator's two stacks, joined in the usual way or another, and what moves what.

S source tokens, T target tokens, C channels, V vocabulary.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from app.labs.parts.translation import with_another_end
from model.attention import Attention, Cache
from model.trace import Trace
from model.transformer import Transformer
from model.translator import Translation, Translator

Reads = Literal["last layer", "first layer", "embeddings", "level by level", "zeros"]
INTERVENTIONS = ("another last source token", "another last target token")


@dataclass(frozen=True)
class Written:
    """A translation written token by token, and what it took."""

    ids: list[int]
    logits: Tensor  # (T, V), of each step
    encoded: list[int]  # vectors that left the encoder at each step
    decoded: list[int]  # vectors that left the decoder


def remember(network: Transformer, source: Tensor, reads: Reads, trace: Trace) -> list[Tensor]:
    """What each layer of the decoder is given to read of the source ids (1, S): (1, S, C) each."""
    assert network.encoder is not None
    output = network.encode(source, trace=trace)
    layers, depth = network.config.encoder_layers, network.config.decoder_layers
    outputs = [
        network.encoder.norm(trace[f"encoder.{layer}.residual.feed_forward"])
        for layer in range(layers)
    ]
    match reads:
        case "last layer":
            return [output] * depth
        case "first layer":
            return [outputs[0]] * depth
        case "embeddings":
            return [network.encoder.norm(trace["encoder.embedding"])] * depth
        case "level by level":
            return [outputs[min(layer, layers - 1)] for layer in range(depth)]
        case "zeros":
            return [torch.zeros_like(output)] * depth


def cross_attentions(network: Transformer) -> list[Attention]:
    """Where the decoder reads, layer by layer."""
    found = [module for module in network.modules() if isinstance(module, Attention)]
    return [module for module in found if module.name.endswith("cross_attention")]


def keep(network: Transformer, memories: list[Tensor]) -> Cache:
    """A cache in which each layer of the decoder has keys and values of its memory (1, S, C)."""
    cache = Cache()
    for attention, memory in zip(cross_attentions(network), memories, strict=True):
        attention.read_source(memory, cache)
    return cache


def write(translator: Translator, source: Tensor, reads: Reads, *, again: bool) -> Written:
    """Token by token; every step encodes the source (1, S) `again`, or only the first does."""
    network, tokenizer = translator.network, translator.tokenizer
    room = network.config.limit - 1
    ids, logits, encoded, decoded = [tokenizer.bos], [], [], []
    cache = Cache()
    while len(ids) <= room and ids[-1] != tokenizer.eos:
        trace: Trace = {}
        if len(ids) == 1 or again:
            memories = remember(network, source, reads, trace)
            cache.sources = keep(network, memories).sources
        found = network.decode(torch.tensor([ids[-1:]]), memories[0], cache=cache, trace=trace)
        logits.append(found[0, -1])  # (V,)
        ids.append(int(logits[-1].argmax()))
        encoded.append(trace["encoder.output"].shape[1] if "encoder.output" in trace else 0)
        decoded.append(trace["decoder.output"].shape[1])
    return Written(ids[1:], torch.stack(logits), encoded, decoded)


def intervene(network: Transformer, own: Translation, reads: Reads) -> dict[str, Trace]:
    """All tensors of one pass over the translation, and of one with another last token on either
    side."""
    vocabulary = network.config.vocabulary
    source, target = own.source_ids, own.target_ids
    runs = {
        "as it is": (source, target),
        INTERVENTIONS[0]: (with_another_end(source, vocabulary), target),
        INTERVENTIONS[1]: (source, with_another_end(target, vocabulary)),
    }
    traces: dict[str, Trace] = {}
    for name, (read, said) in runs.items():
        trace = traces[name] = {}
        memories = remember(network, read, reads, trace)
        network.decode(said, memories[0], cache=keep(network, memories), trace=trace)
    return traces


def measure_move(tensor: Tensor, other: Tensor) -> float:
    """How far `other` is from `tensor`, as a share of its length."""
    return float((other - tensor).norm() / tensor.norm().clamp_min(1e-9))
