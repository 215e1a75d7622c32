"""Complexity: the square and the straight line.

One Transformer block, timed at growing lengths. Scores, softmax and weighted sum compare every
token with every other, so their time grows with the square of the length; projections and
feed-forward treat each token once, so theirs grows in step with it. Counted in operations the two
are equal at six model widths. A fused kernel breaks the claim about memory and no other: it does
the same sums without writing the scores down. Blocks that read only themselves break the square.
"""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import plotly.graph_objects as go
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from app.labs.illustration import Check, Chosen, Illustration, LabParams, Prediction, Table
from model.attention import Attention
from model.checkpoint import Models
from model.config import Config
from model.feed_forward import FeedForward

BLOCK = 32  # tokens that read each other where attention is local
REPEATS = 5
FINE = time.get_clock_info("thread_time").resolution < 1e-5
clock = time.thread_time if FINE else time.perf_counter  # other work on the machine counts little
Kernel = Literal["plain", "fused", "local"]
PARTS = ("scores, softmax, weighted sum", "projections and feed-forward")

PREDICT = Prediction(
    "The text becomes twice as long. What happens to the time for scores and weighted sum?",
    ("It stays about the same.", "It about doubles.", "It grows about fourfold."),
)


class Params(LabParams):
    width: Annotated[
        Literal["32", "64", "128"],
        Chosen,
        Field(title="Model width d", description="Numbers in a token's vector."),
    ] = "64"
    heads: Annotated[
        Literal["1", "2", "4", "8"],
        Chosen,
        Field(title="Heads", description="They share the width among them."),
    ] = "4"
    longest: Annotated[
        Literal["1024", "2048"],
        Chosen,
        Field(title="Longest text", description="Tokens of the longest text that is timed."),
    ] = "1024"
    kernel: Annotated[
        Kernel,
        Field(
            title="Kernel",
            description="Plain writes the scores down; fused (FlashAttention) does not; "
            f"local lets blocks of {BLOCK} tokens read only themselves.",
        ),
    ] = "plain"
    counted: Annotated[
        Literal["operations", "memory"],
        Field(title="Second figure", description="What is counted beside the time."),
    ] = "operations"


@dataclass(frozen=True)
class Measured:
    """One part of the block (of PARTS) at one length."""

    times: tuple[float, ...]  # milliseconds, one for each repeat
    operations: int
    memory: int  # bytes, at the peak

    @property
    def time(self) -> float:
        return statistics.median(self.times)


class Counter(TorchFunctionMode):
    """Counts what runs under it: two operations for each multiply-add of a matrix product, and the
    bytes of every new tensor of more than `inputs` numbers, of which none is freed before the end.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0
        self.storages: dict[int, Tensor] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in (torch.matmul, F.linear):
            self.operations += 2 * result.numel() * args[0].shape[-1]
        if func is F.scaled_dot_product_attention:  # queries times keys, weights times values
            queries, keys, values = args
            scores = queries.shape[:-1].numel() * keys.shape[-2]
            self.operations += 2 * scores * (queries.shape[-1] + values.shape[-1])
        if isinstance(result, Tensor):
            self.storages[result.untyped_storage().data_ptr()] = result
        return result

    @property
    def memory(self) -> int:
        return sum(kept.untyped_storage().nbytes() for kept in self.storages.values())
