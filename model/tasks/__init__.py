"""What each model is trained on, and how it is measured; the training itself is in train.py."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from torch import Tensor

from model.checkpoint import Checkpoint
from model.transformer import Transformer


class Task(Protocol):
    """One model: how to build it untrained, what it should lower, what it reaches."""

    steps: int
    rate: float  # the learning rate at its highest

    def build(self) -> Checkpoint:
        """The untrained model, the same for the same seed."""

    def loss(self, network: Transformer, step: int) -> Tensor:
        """What to lower in step `step`, which draws its examples from that number alone."""

    def measure(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """The figures on data never trained on."""


def tasks() -> dict[str, Callable[..., Task]]:
    """Every task by its model's name."""
    from model.tasks.digits import Digits
    from model.tasks.grader import Grader
    from model.tasks.language import Language
    from model.tasks.lengths import SCHEMES, Lengths
    from model.tasks.masked import Masked
    from model.tasks.translation import Translation

    lengths = {f"length-{scheme}": partial(Lengths, scheme) for scheme in SCHEMES}
    main = {"translator": Translation, "lm": Language, "mlm": Masked, "vit": Digits}
    return {**main, "grader": Grader, **lengths}
