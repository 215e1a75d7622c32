"""One step's gradient, added up over micro-batches, with what it costs.

P parameters, B sentences of the whole batch, b of a micro-batch, S source and T target tokens, C
channels, V vocabulary.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.hooks import RemovableHandle

from model.transformer import Transformer

Weighting = Literal["tokens", "batches", "none"]


@dataclass(kw_only=True)
class Step:
    """What was added up over k micro-batches. P parameters."""

    sums: Tensor  # gradients (P,) of the summed losses
    means: Tensor  # gradients (P,) of the mean losses
    tokens: list[int] = field(default_factory=list)  # targets of each micro-batch
    losses: list[float] = field(default_factory=list)  # their mean
    kept: list[int] = field(default_factory=list)  # bytes of activations that backward waits for
    products: int = 0  # multiply-adds of the linear maps, forward

    def gradient(self, weighting: Weighting) -> Tensor:
        """The step's gradient (P,), its losses weighted so."""
        match weighting:
            case "tokens":
                return self.sums / sum(self.tokens)
            case "batches":
                return self.means / len(self.tokens)
            case "none":
                return self.means

    def share(self, weighting: Weighting, batch: int) -> float:
        """The weight of one target token of a micro-batch in the step's loss."""
        match weighting:
            case "tokens":
                return 1 / sum(self.tokens)
            case "batches":
                return 1 / self.tokens[batch] / len(self.tokens)
            case "none":
                return 1 / self.tokens[batch]


class OverBatch(nn.BatchNorm1d):
    """BatchNorm over all slots of a batch (B, T, C), as in training: no running statistics."""

    def forward(self, stream: Tensor) -> Tensor:
        flat: Tensor = super().forward(stream.flatten(0, 1))  # (B, T, C) -> (B*T, C)
        return flat.view_as(stream)


def prepare(network: Transformer, norm: str) -> Transformer:
    """A copy in 64 bit whose weights take gradients, with BatchNorm if that is the `norm`."""
    network = copy.deepcopy(network).double().requires_grad_(True)
    if norm == "batch":
        for parent in list(network.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.LayerNorm):
                    replaced = OverBatch(len(child.weight), track_running_stats=False)
                    replaced.load_state_dict(child.state_dict())
                    parent.register_module(name, replaced.double().eval())
    return network


def accumulate(
    network: Transformer, source: Tensor, target: Tensor, count: int, filler: int
) -> Step:
    """One step's gradient over `count` micro-batches of source (B, S) and target (B, T)."""
    weights = list(network.parameters())
    total = sum(weight.numel() for weight in weights)
    sums, means = (torch.zeros(total, dtype=torch.float64) for _ in range(2))  # (P,) each
    step = Step(sums=sums, means=means)
    hooks = _count_products(network, step)
    for read, written in zip(source.chunk(count), target.chunk(count), strict=True):
        kept: dict[int, int] = {}
        with saved_tensors_hooks(_keep(kept, weights), lambda tensor: tensor):
            logits = network(read, written[:, :-1], real=read != filler)  # (b, T - 1, V)
            loss = F.cross_entropy(
                logits.flatten(0, 1),  # (b, T - 1, V) -> (b * (T - 1), V)
                written[:, 1:].flatten(),
                ignore_index=filler,
                reduction="sum",
            )
        tokens = int((written[:, 1:] != filler).sum())
        found = torch.autograd.grad(loss, weights)  # frees the activations
        gradient = torch.cat([part.flatten() for part in found])  # (P,)
        step.sums.add_(gradient)
        step.means.add_(gradient, alpha=1 / tokens)
        step.tokens.append(tokens)
        step.losses.append(float(loss.detach()) / tokens)
        step.kept.append(sum(kept.values()))
    for hook in hooks:
        hook.remove()
    return step


def _keep(kept: dict[int, int], weights: list[nn.Parameter]) -> Callable[[Tensor], Tensor]:
    """Note the bytes of each tensor that backward will need, but for the weights themselves."""
    known = {weight.untyped_storage().data_ptr() for weight in weights}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    return note


def _count_products(network: Transformer, step: Step) -> list[RemovableHandle]:
    """Have each linear map add its multiply-adds to `step`; the hooks that do."""

    def add(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        step.products += inputs[0].numel() * output.shape[-1]

    linear = (module for module in network.modules() if isinstance(module, nn.Linear))
    return [module.register_forward_hook(add) for module in linear]
