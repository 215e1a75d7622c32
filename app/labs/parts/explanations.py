"""What an encoder's answer rests on, seen four ways: attention, rollout, gradient times attention,
and leaving one input out, which alone intervenes.

A model reads sequences and answers at one place of each: the word in a gap, the class of a picture.
B sequences, H heads, S places, C channels, V answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from model.attention import Call
from model.config import AS_TRAINED, Switches
from model.trace import Trace
from model.transformer import Transformer, hide_padding


@dataclass(frozen=True)
class Question:
    """What is read, and the place of each sequence at which the answer is sought."""

    network: Transformer
    inputs: Tensor  # (B, S), or patches (B, S - 1, patch)
    real: Tensor  # (B, S): no padding
    places: Tensor  # (B,)

    @property
    def rows(self) -> Tensor:
        return torch.arange(len(self.inputs))

    @property
    def others(self) -> Tensor:
        """The places to be explained: all that is read but the asking one, (B, S)."""
        others = self.real.clone()
        others[self.rows, self.places] = False
        return others

    def alike(self) -> list[Tensor]:
        """The sequences of equal length together, by number: none of a group needs padding."""
        lengths = self.real.sum(dim=1)  # (B,)
        return [(lengths == one).nonzero()[:, 0] for one in sorted(set(lengths.tolist()))]

    def without_each(self, rows: Tensor) -> Self:
        """The sequences `rows` (b,) of one length s, as often as they have places, every one of
        which is hidden from all in turn, but for the asking one: b * s of them."""
        length = int(self.real[rows[0]].sum())
        places = self.places[rows].repeat_interleave(length)  # (b * s,)
        hidden = torch.arange(length).repeat(len(rows))  # (b * s,)
        real = torch.arange(length) != hidden[:, None]  # (b * s, s)
        real[hidden == places] = True
        inputs = self.inputs[rows] if self.network.config.patch else self.inputs[rows, :length]
        return replace(self, inputs=inputs.repeat_interleave(length, 0), real=real, places=places)

    def states(self, real: Tensor | None = None, switches: Switches = AS_TRAINED) -> Tensor:
        """The last layer's states (B, S, C) where only `real` (B, S) can be read."""
        seen = self.real if real is None else real
        return self.network.encode(self.inputs, real=seen, switches=switches)

    def log_probs(self, states: Tensor) -> Tensor:
        """The log-probability of every answer, (B, S, C) -> (B, V)."""
        return self.network.logits(states[self.rows, self.places]).log_softmax(dim=-1)


@dataclass(frozen=True)
class Answers:
    """The model's own answers, with the patterns that led there and their gradients."""

    question: Question
    guesses: Tensor  # (B,)
    scores: Tensor  # (B,), the log-probability of each guess
    states: Tensor  # (B, S, C)
    patterns: list[Tensor]  # (B, H, S, S) a layer
    gradients: list[Tensor]  # of the scores, (B, H, S, S) a layer

    @classmethod
    def of(cls, question: Question) -> Self:
        """One pass forwards, one back."""
        network, trace = question.network, Trace()
        assert network.encoder is not None
        with torch.enable_grad():
            embeddings = network.embedding(question.inputs).requires_grad_()  # (B, S, C)
            call = Call(trace=trace)
            states = network.encoder(embeddings, None, hide_padding(question.real), call)
            scores, guesses = question.log_probs(states).max(dim=-1)
            names = [
                f"encoder.{i}.self_attention.pattern" for i in range(len(network.encoder.layers))
            ]
            patterns = [trace[name] for name in names]
            gradients = torch.autograd.grad(scores.sum(), patterns)
        return cls(
            question,
            guesses,
            scores.detach(),
            states.detach(),
            [pattern.detach() for pattern in patterns],
            list(gradients),
        )

    def attention(self, layer: int, head: int | None = None) -> Tensor:
        """What the asking place reads in a layer, (B, S): one head's, or the mean."""
        pattern = self.patterns[layer]
        seen = pattern.mean(dim=1) if head is None else pattern[:, head]  # (B, S, S)
        return seen[self.question.rows, self.question.places]

    def rollout(self, kept: float) -> Tensor:
        """Attention followed back to the inputs, (B, S): the product of all layers' means, each
        mixed with the identity, which gets the share `kept`. Abnar and Zuidema 2020."""
        identity = torch.eye(self.patterns[0].shape[-1])
        flow = identity
        for pattern in self.patterns:
            flow = ((1 - kept) * pattern.mean(dim=1) + kept * identity) @ flow  # (B, S, S)
        return flow[self.question.rows, self.question.places]

    @cached_property
    def gradient_times_attention(self) -> Tensor:
        """Relevance through all layers, (B, S): R + mean over heads of max(0, gradient x pattern)
        R. Chefer et al. 2021, equations 5 and 6."""
        relevance = torch.eye(self.patterns[0].shape[-1])
        for pattern, gradient in zip(self.patterns, self.gradients, strict=True):
            weights = (gradient * pattern).clamp(min=0).mean(dim=1)  # (B, H, S, S) -> (B, S, S)
            relevance = relevance + weights @ relevance
        return relevance[self.question.rows, self.question.places]

    @cached_property
    def left_out(self) -> tuple[Tensor, Tensor]:
        """With each place hidden from all in turn: by how much the guess's log-probability falls,
        (B, S), and how far each place's last state moves, relative to its length, (B, S, S)."""
        asked, size = self.question, self.question.real.shape[1]
        falls, moves = torch.zeros(len(asked.real), size), torch.zeros(len(asked.real), size, size)
        for rows in asked.alike():
            part = asked.without_each(rows)
            length = part.real.shape[1]
            own, states = self.states[rows, None, :length], part.states()  # (b * s, s, C)
            log_probs = part.log_probs(states).view(len(rows), length, -1)  # (b, s, V)
            found = log_probs.gather(2, self.guesses[rows, None, None].expand(-1, length, 1))
            falls[rows, :length] = self.scores[rows, None] - found[..., 0]
            apart = states.view(len(rows), length, length, -1) - own  # (b, s, s, C)
            moves[rows, :length, :length] = apart.norm(dim=-1) / own.norm(dim=-1)
        return falls, moves

    @cached_property
    def heads_cut(self) -> Tensor:
        """By how much the guess's log-probability falls without each head: (B, layers * H)."""
        falls = []
        for layer in range(len(self.patterns)):
            for head in range(self.patterns[layer].shape[1]):
                off = Switches(off=frozenset({(f"encoder.{layer}.self_attention", head)}))
                log_probs = self.question.log_probs(self.question.states(switches=off))
                falls.append(self.scores - log_probs[self.question.rows, self.guesses])
        return torch.stack(falls, dim=1)

    @cached_property
    def sharpness(self) -> Tensor:
        """The largest weight of the asking place in each head: (B, layers * H)."""
        rows, places = self.question.rows, self.question.places
        return torch.cat([p[rows, :, places].amax(dim=-1) for p in self.patterns], dim=1)


def ranks(values: Tensor) -> Tensor:
    """Ranks of `values` (N,) from the smallest; equal ones share their mean rank."""
    below = (values[:, None] > values).sum(dim=1)
    level = (values[:, None] == values).sum(dim=1)
    return below + (level - 1) / 2


def spearman(one: Tensor, other: Tensor) -> float:
    """The rank correlation of two (N,), 0 where one of them ranks nothing."""
    first, second = (ranks(values) - (len(values) - 1) / 2 for values in (one, other))
    lengths = float(first.norm() * second.norm())
    return float(first @ second) / lengths if lengths else 0.0


def agreement(one: Tensor, other: Tensor, counted: Tensor) -> Tensor:
    """The rank correlation of every row of two (B, S), over the places `counted` (B, S): (B,)."""
    return torch.tensor(
        [spearman(a[kept], b[kept]) for a, b, kept in zip(one, other, counted, strict=True)]
    )


def mean_and_error(values: Tensor | Sequence[float]) -> tuple[float, float]:
    """The mean of (B,) and its standard error."""
    sample = torch.as_tensor(values)
    return float(sample.mean()), float(sample.std() / len(sample) ** 0.5)
