"""Training the Vision Transformer on handwritten digits of 8x8, cut into 16 patches of 2x2.

The pictures are those that scikit-learn carries (UCI Optical Recognition of Handwritten Digits);
a fifth is never trained on, and goes with the weights for others to look at.

B batch, S patches, N pictures.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from model.checkpoint import Checkpoint
from model.config import Config
from model.transformer import Transformer

SIDE, PATCH, BRIGHTEST = 8, 2, 16
TEST_EVERY = 5


class Digits:
    """The encoder-only model of pictures."""

    rate = 1.5e-3

    def __init__(self, *, seed: int = 1, steps: int = 5_000) -> None:
        from sklearn.datasets import load_digits  # type: ignore[import-untyped]

        self.seed, self.steps, self.batch = seed, steps, 64
        pictures, labels = load_digits(return_X_y=True)
        self.pictures = torch.tensor(pictures, dtype=torch.float32).view(
            -1, SIDE, SIDE
        )  # (N, 8, 8)
        self.labels = torch.tensor(labels)  # (N,)
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
        held = torch.zeros(len(labels), dtype=torch.bool)
        held[order[::TEST_EVERY]] = True
        self.test, self.training = held.nonzero()[:, 0], (~held).nonzero()[:, 0]

    def build(self) -> Checkpoint:
        """3 layers, 4 heads, 64 channels, pre-norm, learned positions; the pictures of the test."""
        torch.manual_seed(self.seed)
        config = Config(
            vocabulary=10,
            encoder_layers=3,
            channels=64,
            hidden=128,
            positions="learned",
            limit=17,
            tied=False,
            head_bias=True,
            dropout=0.1,
            patch=PATCH * PATCH,
        )
        pictures = self.pictures[self.test].flatten(1).int().tolist()  # (N, 8, 8) -> (N, 64)
        labels = self.labels[self.test].tolist()
        return Checkpoint(Transformer(config), None, {"pictures": pictures, "labels": labels})

    def loss(self, network: Transformer, step: int) -> Tensor:
        """Cross-entropy of the class, on pictures moved about and with some noise."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_000 + step)
        rows = torch.randint(len(self.training), (self.batch,), generator=generator)
        rows = self.training[rows]
        pictures = shift(self.pictures[rows], generator)
        pictures = pictures + torch.randn(pictures.shape, generator=generator)
        device = next(network.parameters()).device
        logits = network(cut_patches(pictures).to(device))[:, 0]  # (B, 1 + S, 10) -> (B, 10)
        return F.cross_entropy(logits, self.labels[rows].to(device), label_smoothing=0.05)

    def measure(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """Accuracy on the pictures never trained on."""
        return {"accuracy": accuracy(checkpoint), "pictures": len(self.test)}


def cut_patches(pictures: Tensor) -> Tensor:
    """Pictures (B, 8, 8), 0 to 16, as rows of patches from the top left: (B, 16, 4), 0 to 1."""
    across = SIDE // PATCH
    blocks = pictures.view(-1, across, PATCH, across, PATCH)  # (B, 8, 8) -> (B, 4, 2, 4, 2)
    blocks = blocks.transpose(2, 3)  # (B, 4, 2, 4, 2) -> (B, 4, 4, 2, 2)
    return blocks.reshape(-1, across * across, PATCH * PATCH) / BRIGHTEST  # -> (B, 16, 4)


def shift(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Every picture (B, 8, 8) moved by up to one dot in either direction, or not at all."""
    padded = F.pad(pictures, (1, 1, 1, 1))  # (B, 10, 10)
    moves = torch.randint(3, (2, len(pictures), 1), generator=generator)
    moves[:, torch.rand(len(pictures), generator=generator) < 0.5] = 1
    rows = (moves[0] + torch.arange(SIDE))[:, :, None]  # (B, 8, 1)
    columns = (moves[1] + torch.arange(SIDE))[:, None, :]  # (B, 1, 8)
    return padded[torch.arange(len(pictures))[:, None, None], rows, columns]  # (B, 8, 8)


@torch.inference_mode()
def accuracy(checkpoint: Checkpoint) -> float:
    """The share of the pictures that went with the weights, none trained on, that is read right."""
    pictures = torch.tensor(checkpoint.details["pictures"], dtype=torch.float32)  # (N, 64)
    device = next(checkpoint.network.parameters()).device
    patches = cut_patches(pictures.view(-1, SIDE, SIDE)).to(device)
    guesses = checkpoint.network(patches)[:, 0].argmax(dim=-1).cpu()  # (N, 1 + S, 10) -> (N,)
    return float((guesses == torch.tensor(checkpoint.details["labels"])).float().mean())
