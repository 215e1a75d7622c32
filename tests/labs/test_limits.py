"""No request can ask a lab for more than a bounded amount of work and memory, counted from shapes:
the same on every machine. What that takes in time is measured by `make bench NAME=labs`."""

import gc
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from app.labs import LABS
from app.labs.parts.training_step import Training
from model.checkpoint import Models

WORK = 3_000_000_000  # numbers written, and products of matrices by the eight
LARGEST = 100_000_000  # bytes of one tensor
SENTENCE = "The red car is not old and my sister sees a small dog in the big garden. " * 3

# The corner of each lab's bounds that takes longest, as the bench finds it.
CORNERS: dict[str, dict[str, Any]] = {
    "attention": {"sentence": "dog " * 126},
    "attention-views": {"kept": 0, "inputs": 40},
    "against-rnn": {"longest": 128, "pairs": 8, "steps": 400},
    "beam-search": {"sentence": SENTENCE[:200], "width": "8"},
    "complexity": {"width": 128, "longest": 2048},
    "encoder-decoder": {"sentence": SENTENCE[:200], "encode": "every step"},
    "gradient-accumulation": {"steps": 8, "weighting": "none", "norm": "batch"},
    "long-sequences": {"longest": 512, "reads": "window", "span": 256},
    "path-length": {"tokens": 256, "window": 256, "mode": "write"},
    "teacher-forcing": {"place": 1, "count": 96},
    "training-memory": {"batch": 4, "length": 128, "optimiser": "SGD"},
    "training-run": {"steps": 200, "targets": "words shuffled"},
}


class Counting(TorchDispatchMode):
    """Counts what every operation writes and multiplies."""

    def __init__(self) -> None:
        super().__init__()
        self.work = self.largest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for written in result if isinstance(result, tuple | list) else [result]:
            if isinstance(written, Tensor):
                self.work += written.numel()
                self.largest = max(self.largest, written.numel() * written.itemsize)
        if func.overloadpacket.__name__ in ("mm", "bmm", "addmm", "baddbmm"):
            self.work += result.numel() * args[-2].shape[-1] // 8
        return result


@pytest.mark.parametrize("name", CORNERS)
def test_the_worst_corner_of_a_lab_is_bounded(models: Models, name: str) -> None:
    lab = LABS[name]
    params = lab.params.model_validate(CORNERS[name])
    with Counting() as counting:
        lab.illustrate(params, models)
    assert counting.work < WORK, f"{counting.work:,}"
    assert counting.largest < LARGEST, f"{counting.largest:,}"


def test_counting_counts() -> None:
    with Counting() as counting:
        torch.ones(8, 16) @ torch.ones(16, 4)
    assert counting.work == 8 * 16 + 16 * 4 + 8 * 4 + 8 * 4 * 16 // 8
    assert counting.largest == 8 * 16 * 4


def test_a_training_step_leaves_nothing_behind(models: Models) -> None:
    def live() -> int:
        gc.collect()
        return sum(type(thing) is Tensor for thing in gc.get_objects())

    def step() -> None:
        Training(models.translator.network, "32-bit", "Adam", "plain").forward(1, 8)

    step()
    before = live()
    step()
    assert live() == before
