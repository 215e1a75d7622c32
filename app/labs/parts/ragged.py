"""Sentences of unequal length in one tensor: padded to a row each, or packed into one row.

B sentences, N slots of a row, n tokens of a sentence, T tokens of the packed row, C channels.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from model.attention import Call
from model.config import Switches
from model.positions import sinusoids
from model.trace import Trace
from model.translator import Translator


@dataclass(frozen=True)
class Together:
    """The sentences in one tensor. N slots a row, n tokens a sentence."""

    outputs: list[Tensor]  # of the encoder, (n, C) for each sentence
    pattern: Tensor  # (T, S), first layer, mean of the heads: of the shortest sentence, or the row
    tokens: list[str]  # of that row; the T that ask come first
    foreign: float  # the largest weight on padding, or on another sentence
    trace: Trace


def fill_up(each: list[Tensor], filler: int, extra: int = 0) -> tuple[Tensor, Tensor]:
    """The rows filled up to the longest and `extra` slots more, (B, N), and what is real of it."""
    ids = pad_sequence(each, batch_first=True, padding_value=filler)  # (n,) each -> (B, N)
    ids = F.pad(ids, (0, extra), value=filler)
    lengths = torch.tensor([len(row) for row in each])
    return ids, torch.arange(ids.shape[1]) < lengths[:, None]


def pad(translator: Translator, each: list[Tensor], *, masked: bool, extra: int = 0) -> Together:
    """A row for each sentence."""
    ids, real = fill_up(each, translator.tokenizer.pad, extra)
    trace: Trace = {}
    memory = translator.network.encode(ids, real=real if masked else None, trace=trace)  # (B, N, C)
    pattern = trace["encoder.0.self_attention.pattern"].mean(dim=1)  # (B, H, N, N) -> (B, N, N)
    row = min(range(len(each)), key=lambda i: len(each[i]))
    asking = real[:, :, None] & ~real[:, None, :]  # (B, N, N): a real token that reads padding
    return Together(
        outputs=[memory[i, : len(ids)] for i, ids in enumerate(each)],
        pattern=pattern[row, : len(each[row])],
        tokens=translator.tokenizer.pieces(ids[row].tolist()),
        foreign=float(pattern.masked_fill(~asking, 0.0).max()),
        trace=trace,
    )


def pack(translator: Translator, each: list[Tensor], *, masked: bool, restart: bool) -> Together:
    """One row for all sentences, under a block-diagonal mask. Krell et al. 2021."""
    network, lengths = translator.network, [len(ids) for ids in each]
    assert network.encoder is not None
    row = torch.cat(each)[None]  # (1, T)
    owners = torch.tensor([i for i, n in enumerate(lengths) for _ in range(n)])  # (T,)
    starts = [torch.arange(n) for n in lengths]
    places = torch.cat(starts) if restart else torch.arange(len(owners))  # (T,)
    own = owners[:, None] == owners[None, :]  # (T, T)
    added = sinusoids(places, network.config.channels) / network.encoder.scale
    trace: Trace = {}
    call = Call(trace=trace, switches=Switches(positions=False))  # ours stand in their stead
    seen = own[None, None] if masked else None  # (1, 1, T, T)
    memory = network.encoder(network.embedding(row) + added, None, seen, call)  # (1, T, C)
    pattern = trace["encoder.0.self_attention.pattern"][0].mean(dim=0)  # (1, H, T, T) -> (T, T)
    return Together(
        outputs=list(memory[0].split(lengths)),
        pattern=pattern,
        tokens=translator.tokenizer.pieces(row[0].tolist()),
        foreign=float(pattern.masked_fill(own, 0.0).max()),
        trace=trace,
    )


def measure_change(outputs: list[Tensor], alone: list[Tensor]) -> list[Tensor]:
    """How far each token's vector is from the one it has alone, as a share of that: (n,) each."""
    return [
        (output - own).norm(dim=-1) / own.norm(dim=-1)
        for output, own in zip(outputs, alone, strict=True)
    ]


def share_on_padding(pattern: Tensor) -> float:
    """The mean share of attention (T, S) that falls on the slots after the T that are real."""
    return float(pattern[:, len(pattern) :].sum(dim=-1).mean())
