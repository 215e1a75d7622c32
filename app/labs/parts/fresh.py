"""Untrained networks and the update that trains them, without the random numbers that all threads
share: two runs beside each other each get what they would get alone.
"""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from model.config import Config
from model.transformer import Transformer

BETAS = (0.9, 0.98)  # as in Vaswani et al. 2017, section 5.3
TINY = 1e-9


def build(config: Config, seed: int) -> Transformer:
    """A network of that shape with weights as `model.transformer` begins with, by `seed` alone."""
    network = Transformer(config)
    draw(network, torch.Generator().manual_seed(seed))
    return network


@torch.no_grad()
def draw(network: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights again: small embeddings; linear maps that keep the variance (Glorot and
    Bengio 2010); an LSTM uniform within 1/√C, as PyTorch begins."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.LSTM):
            bound = 1 / math.sqrt(module.hidden_size)
            for weights in module.parameters():
                nn.init.uniform_(weights, -bound, bound, generator=generator)
    for module in network.modules():  # at last: an output layer may be tied to them
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02, generator=generator)


class Adam:
    """Kingma and Ba 2015, algorithm 1, on gradients cut to norm 1. Written out because
    `torch.optim` imports some 820 modules, for over a second, when it is first used."""

    def __init__(self, weights: Iterable[Tensor]) -> None:
        self.weights = list(weights)
        self.means = [torch.zeros_like(weight) for weight in self.weights]
        self.squares = [torch.zeros_like(weight) for weight in self.weights]
        self.steps = 0

    @torch.no_grad()
    def step(self, loss: Tensor, rate: float) -> float:
        """One step down the gradient of `loss`; the gradient's norm before it was cut."""
        gradients = torch.autograd.grad(loss, self.weights)
        length = norm(gradients)
        cut = min(1.0, 1 / (length + 1e-6))
        self.steps += 1
        first, second = (1 - beta**self.steps for beta in BETAS)
        for weight, mean, square, gradient in zip(
            self.weights, self.means, self.squares, gradients, strict=True
        ):
            gradient = gradient * cut
            mean.lerp_(gradient, 1 - BETAS[0])
            square.lerp_(gradient.square(), 1 - BETAS[1])
            root = (square / second).sqrt_().add_(TINY)
            weight.addcdiv_(mean, root, value=-rate / first)
        return length


def norm(tensors: Sequence[Tensor]) -> float:
    """The length of all tensors as one vector."""
    return math.sqrt(sum(float(tensor.square().sum()) for tensor in tensors))
