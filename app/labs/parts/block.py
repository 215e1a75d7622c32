"""One block of a Transformer at a given length: its two parts timed, and what they do counted.

B batch, here 1; T tokens, C channels, H heads, D channels a head, N blocks of tokens.
"""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Kernel = Literal["plain", "fused", "local"]
LOCAL = 32  # tokens that read each other where attention is local
REPEATS = 5
FINE = time.get_clock_info("thread_time").resolution < 1e-5
clock = time.thread_time if FINE else time.perf_counter  # this thread's: others' work counts less


class Counter(TorchFunctionMode):
    """Counts what runs under it: two operations for each multiply-add of a matrix product, and the
    bytes of all tensors that are written, kept to the end as for a backward pass."""

    def __init__(self, *given: Tensor) -> None:
        super().__init__()
        self.operations = 0
        self.given = {tensor.untyped_storage().data_ptr() for tensor in given}
        self.kept: dict[int, Tensor] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in (torch.matmul, F.linear):
            self.operations += 2 * result.numel() * args[0].shape[-1]
        if func is F.scaled_dot_product_attention:  # the same two products, out of our sight
            queries, keys, values = args
            pairs = queries.shape[:-1].numel() * keys.shape[-2]
            self.operations += 2 * pairs * (queries.shape[-1] + values.shape[-1])
        if isinstance(result, Tensor):
            self.kept[result.untyped_storage().data_ptr()] = result
        return result

    @property
    def written(self) -> int:
        found = (self.kept[place] for place in self.kept.keys() - self.given)
        return sum(tensor.untyped_storage().nbytes() for tensor in found)


class Block:
    """A Transformer block without its norms, on one text of random vectors: two parts to run."""

    def __init__(self, channels: int, heads: int, length: int, kernel: Kernel) -> None:
        self.kernel = kernel
        generator = torch.Generator().manual_seed(length)
        self.stream = torch.randn(1, length, channels, generator=generator)  # (1, T, C)
        self.square = torch.randn(channels, channels, generator=generator)  # (C, C)
        self.up = torch.randn(4 * channels, channels, generator=generator)  # (4C, C)
        vectors = torch.randn(3, 1, heads, length, channels // heads, generator=generator)
        if kernel == "local":
            # (3, 1, H, T, D) -> (3, 1, H, N, 32, D)
            vectors = vectors.view(3, 1, heads, -1, LOCAL, channels // heads)
        self.queries, self.keys, self.values = vectors  # (1, H, T, D) each
        self.scale = 1 / math.sqrt(channels // heads)

    def read_one_another(self, *room: Tensor) -> Tensor:
        """softmax(QKᵀ/√D)V: (1, H, T, D). Scores and pattern are written into `room`, if any."""
        if self.kernel == "fused":
            return F.scaled_dot_product_attention(self.queries, self.keys, self.values)
        scores, pattern = room or (None, None)
        scores = torch.matmul(self.queries, self.keys.mT, out=scores)  # (1, H, T, T)
        pattern = torch.softmax(scores.mul_(self.scale), dim=-1, out=pattern)
        return torch.matmul(pattern, self.values)

    def treat_each(self, *_: Tensor) -> Tensor:
        """The four projections of attention, and the feed-forward network: (1, T, C)."""
        for _projection in range(4):
            F.linear(self.stream, self.square)  # (1, T, C) -> (1, T, C)
        return F.linear(F.relu(F.linear(self.stream, self.up)), self.up.T)  # -> (1, T, 4C) -> C

    def room(self) -> tuple[Tensor, ...]:
        """Memory for scores and pattern: for the system to hand it out takes a time of its own."""
        shape = (*self.queries.shape[:-1], self.keys.shape[-2])
        return () if self.kernel == "fused" else (torch.ones(shape), torch.ones(shape))

    def count(self, part: "Part") -> tuple[int, int]:
        """The operations of a part, and the bytes that it writes."""
        counter = Counter(self.queries, self.stream, self.square, self.up)
        with counter:
            part(self)
        return counter.operations, counter.written


Part = Callable[..., Tensor]  # Block.read_one_another or Block.treat_each


@dataclass(frozen=True)
class Measured:
    """One part of the block over the lengths."""

    times: tuple[tuple[float, ...], ...]  # milliseconds: for each length, of each repeat
    operations: tuple[int, ...]
    written: tuple[int, ...]  # bytes

    @property
    def medians(self) -> list[float]:
        return [statistics.median(times) for times in self.times]


def measure(blocks: Sequence[Block], part: Part) -> Measured:
    """One part of every block: counted, warmed up, then timed REPEATS times in turn, so that a
    disturbance hits one repeat of all lengths rather than all repeats of one."""
    counts = [block.count(part) for block in blocks]
    rooms = [block.room() for block in blocks]
    times: list[list[float]] = [[] for _ in blocks]
    for repeat in range(REPEATS + 1):
        # The longest first: after it the memory near the processor is another's.
        for block, room, measured in reversed(list(zip(blocks, rooms, times, strict=True))):
            start = clock()
            part(block, *room)
            if repeat:
                measured.append(1000 * (clock() - start))
    operations, written = zip(*counts, strict=True)
    return Measured(tuple(map(tuple, times)), operations, written)


def exponents(lengths: Sequence[int], times: Sequence[Sequence[float]]) -> list[float]:
    """For each repeat the p of time ∝ length^p, by least squares over the longest three."""
    logs = [math.log(length) for length in lengths[-3:]]
    return [
        statistics.linear_regression(logs, [math.log(max(1e-6, value)) for value in repeat]).slope
        for repeat in zip(*times[-3:], strict=True)
    ]


def crossover(
    lengths: Sequence[int], pairs: Sequence[float], tokens: Sequence[float]
) -> float | None:
    """The length from which on `pairs` stays more than `tokens`, between two lengths by a straight
    line on log scales; None if it is so at all of them or not at the last."""
    gaps = [math.log(one / other) for one, other in zip(pairs, tokens, strict=True)]
    for place in range(len(gaps) - 1, 0, -1):
        before, after = gaps[place - 1 : place + 1]
        if after <= 0:
            return None
        if before <= 0:
            step = -before / (after - before)
            return float(lengths[place - 1] * (lengths[place] / lengths[place - 1]) ** step)
    return None
