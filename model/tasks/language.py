"""Training the language model: a decoder on the bank's own text and on random sequences that come
twice. Nothing but their first half foretells the second, so that only looking back to what followed
the same token last time, the work of induction heads (Olsson et al. 2022), lowers that loss.

B batch, T tokens, N length of what is repeated.
"""

import re
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import torch
from torch import Tensor
from torch.nn import functional as F

from model.checkpoint import Checkpoint
from model.config import Config
from model.tokenizer import Tokenizer
from model.transformer import Transformer

WINDOW = 96  # tokens of text at a time
LENGTHS = range(6, 49)  # of what is repeated
QUESTIONS = Path("questions")


class Language:
    """The decoder-only model."""

    rate = 2e-3

    def __init__(self, *, seed: int = 1, steps: int = 5_000, text: Path = QUESTIONS) -> None:
        self.seed, self.steps, self.batch = seed, steps, 24
        training, self.unseen = read_bank(text)
        self.tokenizer = Tokenizer.train(training, size=2000)
        self.stream = torch.tensor(
            [i for page in training for i in [self.tokenizer.bos, *self.tokenizer.encode(page)]]
        )

    def build(self) -> Checkpoint:
        """2 layers, 4 heads, 128 channels, pre-norm, RMSNorm, rotary positions, SwiGLU."""
        torch.manual_seed(self.seed)
        config = Config(
            vocabulary=len(self.tokenizer),
            decoder_layers=2,
            hidden=352,
            activation="swiglu",
            norm="rms",
            bias=False,
            positions="rope",
            limit=128,
            dropout=0.1,
        )
        return Checkpoint(Transformer(config), self.tokenizer, {"unseen": len(self.unseen)})

    def loss(self, network: Transformer, step: int) -> Tensor:
        """Cross-entropy of the next token: in text, of all; in what comes twice, of the second
        half."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_000 + step)
        device = next(network.parameters()).device
        starts = torch.randint(len(self.stream) - WINDOW, (self.batch, 1), generator=generator)
        text = self.stream[starts + torch.arange(WINDOW + 1)].to(device)  # (B, T + 1)
        length = int(torch.randint(LENGTHS.start, LENGTHS.stop, (1,), generator=generator))
        twice = repeat(len(self.tokenizer), length, self.batch, generator, held_out=False)
        return next_loss(network, text) + next_loss(network, twice.to(device), skip=length)

    def measure(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """Induction on combinations never trained on, and perplexity on pages never read."""
        return {
            "induction": induction(checkpoint),
            "perplexity held out": perplexity(checkpoint, self.unseen),
            "pages held out": len(self.unseen),
            "tokens read": len(self.stream),
        }


def read_bank(folder: Path) -> tuple[list[str], list[str]]:
    """The prose of the questions, without their front matter: to train on, and one page in ten to
    test on. ValueError if there is none."""
    pages: tuple[list[str], list[str]] = [], []
    for path in sorted(folder.rglob("*.md")):
        text = re.sub(r"\A---\n.*?\n---\n", "", path.read_text(encoding="utf-8"), flags=re.S)
        pages[crc32(path.stem.encode()) % 10 == 0].append(text.strip())
    if not pages[0]:
        raise ValueError(f"0 pages in {folder}, where at least 1 is needed")
    return pages


def repeat(
    vocabulary: int, length: int, count: int, generator: torch.Generator, *, held_out: bool
) -> Tensor:
    """BOS and a random sequence of `length` tokens, twice: (B, 1 + 2N). Of every length a fifth of
    the tokens is held out; training draws the others, a test none but these."""
    tokens = torch.arange(3, vocabulary)
    chosen = tokens[((tokens + length) % 5 == 0) == held_out]
    once = chosen[torch.randint(len(chosen), (count, length), generator=generator)]  # (B, N)
    start = torch.ones(count, 1, dtype=torch.long)  # BOS is 1
    return torch.cat((start, once, once), dim=1)  # (B, 1 + 2N)


def next_loss(network: Transformer, tokens: Tensor, *, skip: int = 0) -> Tensor:
    """Mean cross-entropy of tokens (B, T) given those before, but for the first `skip` + 1."""
    logits = network(tokens[:, :-1])[:, skip:]  # (B, T - 1 - skip, V)
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1 + skip :].flatten())


@torch.inference_mode()
def induction(checkpoint: Checkpoint, *, count: int = 8) -> float:
    """The share of the second half's tokens that are foretold, over every length and `count`
    sequences of each; the first of the half, which nothing foretells, is left out."""
    network = checkpoint.network
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(0)
    right = total = 0
    for length in LENGTHS:
        tokens = repeat(network.config.vocabulary, length, count, generator, held_out=True)
        logits = network(tokens[:, :-1].to(device))
        hits = logits.argmax(dim=-1).cpu() == tokens[:, 1:]  # (B, 2N)
        right += int(hits[:, length + 1 :].sum())
        total += hits[:, length + 1 :].numel()
    return right / total


@torch.inference_mode()
def perplexity(checkpoint: Checkpoint, pages: list[str]) -> float:
    """exp of the mean cross-entropy of a token, over windows that follow each other."""
    network, tokenizer = checkpoint.network, checkpoint.tokenizer
    assert tokenizer is not None
    device = next(network.parameters()).device
    losses, total = 0.0, 0
    for page in pages:
        ids = torch.tensor([tokenizer.bos, *tokenizer.encode(page)], device=device)
        for start in range(0, len(ids) - 1, WINDOW):
            window = ids[None, start : start + WINDOW + 1]  # (1, T + 1)
            count = window.shape[1] - 1
            losses += float(next_loss(network, window)) * count
            total += count
    return float(torch.tensor(losses / max(total, 1)).exp())


def draw_example(seed: int, length: int, vocabulary: int) -> Tensor:
    """One sequence that comes twice, for a closer look: (1, 1 + 2N)."""
    generator = torch.Generator().manual_seed(Random(seed).getrandbits(32))
    return repeat(vocabulary, length, 1, generator, held_out=True)
