"""One training step of the translator, with every byte that it keeps counted.

B batch, T tokens, S source tokens, C channels, H heads, V vocabulary.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from model.attention import Attention, Call, View
from model.config import Config
from model.trace import Trace
from model.transformer import Transformer

Precision = Literal["32-bit", "mixed", "16-bit alone"]
Optimiser = Literal["Adam", "SGD"]
Kernel = Literal["plain", "fused"]
RATES = {"Adam": 1e-5, "SGD": 0.1}  # of fine-tuning: small steps are those that 16 bits lose
STABLE = 1e-8


@dataclass(frozen=True)
class Activations:
    """Bytes that a forward pass saves for the backward pass, weights left out."""

    patterns: int  # softmax outputs, one for each head and pair of tokens
    logits: int
    others: int

    @property
    def total(self) -> int:
        return self.patterns + self.logits + self.others


@dataclass(frozen=True)
class State:
    """Bytes that training holds whatever the batch."""

    weights: int
    gradients: int
    optimiser: int  # moments, and the 32-bit copy of the weights if there is one

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimiser


def fused(queries: Tensor, keys: Tensor, values: Tensor, view: View, call: Call) -> Tensor:
    """Attention that never writes its pattern down; stands in for `Attention.attend`."""
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=view.mask)


class Kept:
    """What a forward pass saves for the backward pass, every piece of memory once. With `half` it
    is kept in 16 bits and turned back when it is read; what the loss needs stays in 32."""

    def __init__(self, weights: Iterable[Tensor], vocabulary: int, *, half: bool) -> None:
        self.weights = {place(weight) for weight in weights}
        self.vocabulary, self.half = vocabulary, half
        self.computed: dict[int, Tensor] = {}  # held to the end, so that no place is used twice
        self.kept: dict[int, Tensor] = {}
        self.logits: set[int] = set()

    def pack(self, tensor: Tensor) -> tuple[Tensor, Tensor | None]:
        """What to keep of `tensor`: itself, or its memory in 16 bits and a view to restore."""
        where = place(tensor)
        if where in self.weights:
            return tensor, None
        tensor = tensor.detach()  # with its graph it would hold the graph that holds it, for good
        if tensor.shape[-1:] == (self.vocabulary,):
            self.logits.add(where)
        if not self.half or not tensor.is_floating_point() or where in self.logits:
            self.kept[where] = self.computed[where] = tensor
            return tensor, None
        if where not in self.kept:
            numbers = tensor.untyped_storage().nbytes() // tensor.itemsize
            self.computed[where] = tensor
            self.kept[where] = tensor.as_strided((numbers,), (1,), 0).to(torch.bfloat16)
        return self.kept[where], torch.tensor(
            [tensor.storage_offset(), *tensor.shape, *tensor.stride()]
        )

    @staticmethod
    def unpack(packed: tuple[Tensor, Tensor | None]) -> Tensor:
        """The tensor that was packed, as good as 16 bits have kept it."""
        memory, view = packed
        if view is None:
            return memory
        offset, *rest = view.tolist()
        axes = len(rest) // 2
        return memory.float().as_strided(rest[:axes], rest[axes:], offset)

    def count(self, patterns: set[int]) -> Activations:
        """The bytes kept, at the end; those at the places in `patterns` and of logits apart."""
        self.computed.clear()  # autograd keeps the hooks, and so all of this, until it is read
        parts = {"patterns": 0, "logits": 0, "others": 0}
        for where, tensor in self.kept.items():
            part = "logits" if where in self.logits else "others"
            bytes_kept = tensor.untyped_storage().nbytes()
            parts["patterns" if where in patterns else part] += bytes_kept
        self.kept.clear()
        return Activations(**parts)


class Training:
    """The network in training, on random tokens and without dropout. What is held in 16 bits is
    computed in 32, in a working copy that is not counted: many processors have no fast arithmetic
    of 16 bits."""

    def __init__(
        self, trained: Transformer, precision: Precision, optimiser: Optimiser, kernel: Kernel
    ) -> None:
        self.network = copy.deepcopy(trained).requires_grad_(True)
        self.network.config = replace(trained.config, limit=1024)  # sinusoids have no end
        self.precision, self.optimiser = precision, optimiser
        self.half = precision != "32-bit"
        for part in self.network.modules():
            if isinstance(part, Attention) and kernel == "fused":
                part.attend = fused  # type: ignore[method-assign]
        self.working = list(self.network.parameters())
        weights = [weight.detach() for weight in self.working]
        self.weights = [weight.to(torch.bfloat16) for weight in weights] if self.half else weights
        self.master = [weight.clone() for weight in weights] if precision == "mixed" else []
        state = torch.bfloat16 if precision == "16-bit alone" else torch.float32
        kinds = 2 if optimiser == "Adam" else 0
        self.moments = [
            [torch.zeros_like(weight, dtype=state) for weight in weights] for _ in range(kinds)
        ]
        self.gradients: list[Tensor] = []
        self.steps = 0

    def forward(self, batch: int, length: int) -> tuple[Tensor, Activations]:
        """The loss on `batch` texts of `length` tokens, and what is kept to go backward."""
        generator = torch.Generator().manual_seed(length)
        vocabulary = self.network.config.vocabulary
        source, target, wanted = torch.randint(
            vocabulary, (3, batch, length), generator=generator
        )  # (B, T) each
        with torch.no_grad():
            for working, weight in zip(self.working, self.weights, strict=True):
                working.copy_(weight)
        kept = Kept(self.working, vocabulary, half=self.half)
        trace: Trace = {}
        hooks = torch.autograd.graph.saved_tensors_hooks(kept.pack, kept.unpack)
        with torch.enable_grad(), hooks:
            logits = self.network(source, target, trace=trace)  # (B, T, V)
            loss = F.cross_entropy(logits.flatten(0, 1), wanted.flatten())
        patterns = {place(found) for name, found in trace.items() if name.endswith(".pattern")}
        return loss, kept.count(patterns)

    def step(self, batch: int, length: int) -> Activations:
        """A whole step: forward, backward, update."""
        loss, activations = self.forward(batch, length)
        found = torch.autograd.grad(loss, self.working)
        self.gradients = [
            gradient.to(weight.dtype) for gradient, weight in zip(found, self.weights, strict=True)
        ]
        self.steps += 1
        for number, gradient in enumerate(self.gradients):
            self.update(number, gradient)
        return activations

    def update(self, number: int, gradient: Tensor) -> None:
        """Adam, Kingma and Ba 2015, algorithm 1, or a plain step down the gradient; on the 32-bit
        copy where there is one, which is then rounded into the weight."""
        change = gradient
        if self.moments:
            first, second = (moments[number] for moments in self.moments)
            change = gradient.to(first.dtype)
            first.lerp_(change, 0.1)
            second.lerp_(change.square(), 0.001)
            mean, square = first / (1 - 0.9**self.steps), second / (1 - 0.999**self.steps)
            change = mean / (square.sqrt() + STABLE)
        held = self.held[number]
        held.sub_(RATES[self.optimiser] * change.to(held.dtype))
        if self.master:
            self.weights[number].copy_(held)

    @property
    def held(self) -> list[Tensor]:
        """The weights that updates add up in."""
        return self.master or self.weights

    def moved(self, before: Iterable[Tensor]) -> float:
        """The share of weights that are no longer as `before`, of those that have a gradient."""
        moved = counted = 0
        for gradient, now, then in zip(self.gradients, self.held, before, strict=True):
            counted += int((gradient != 0).sum())
            moved += int(((gradient != 0) & (now != then)).sum())
        return moved / counted

    @property
    def parameters(self) -> int:
        return sum(weight.numel() for weight in self.weights)

    @property
    def predicted_state(self) -> State:
        """By formula, bytes a parameter: 4 in 32 bits, 2 in 16; Adam has two moments."""
        number = 2 if self.half else 4
        moment = 4 if self.precision != "16-bit alone" else 2
        adam = 2 * moment if self.optimiser == "Adam" else 0
        copied = 4 if self.precision == "mixed" else 0
        each = State(number, number, adam + copied)
        count = self.parameters
        return State(each.weights * count, each.gradients * count, each.optimiser * count)

    @property
    def state(self) -> State:
        moments = [moment for kind in self.moments for moment in kind]
        return State(size(self.weights), size(self.gradients), size([*self.master, *moments]))


def place(tensor: Tensor) -> int:
    """Where in memory a tensor's numbers are; views share it."""
    return tensor.untyped_storage().data_ptr()


def size(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def predicted(
    config: Config, batch: int, length: int, *, half: bool, kernel: Kernel
) -> Activations:
    """Activations by formula, for as many source as target tokens. A layer keeps 12 C + H S numbers
    a token, as Korthikanti et al. 2022 count without dropout and with ReLU: 6 C around
    attention (input and output of the norm, queries, keys, values, heads), 6 C around the
    feed-forward network (input and output of the norm, 4 C inside). Cross-attention adds 6 C + H S,
    each stack's last norm 2 C, and the logits V numbers of 32 bits."""
    tokens, number = batch * length, 2 if half else 4
    attentions = config.encoder_layers + 2 * config.decoder_layers
    layers = config.encoder_layers + config.decoder_layers
    per_layer = 2 * config.channels + config.hidden
    others = attentions * 6 * config.channels + layers * per_layer + 2 * 2 * config.channels
    patterns = attentions * config.heads * length if kernel == "plain" else 0
    return Activations(
        patterns=number * tokens * patterns,
        logits=4 * tokens * config.vocabulary,
        others=number * tokens * others,
    )
