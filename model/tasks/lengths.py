"""Training decoders that differ in nothing but how they know where a token stands, on texts of one
length, so that what longer texts do to them can be seen.

A text is drawn from a few sentences of its own, which come again and again: to know what comes next
one must look back to where the sentence stood before.

B batch, T tokens.
"""

from functools import cache, cached_property
from itertools import islice
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from model.checkpoint import Checkpoint
from model.config import Config, PositionKind
from model.corpus import sentences
from model.transformer import Transformer

LENGTH = 64  # tokens of a text in training
LIMIT = 512  # tokens that a network can read
OWN = 4  # sentences of a text
LONGEST = 10  # words of a sentence
SCHEMES: tuple[PositionKind, ...] = ("none", "sinusoidal", "learned", "rope", "alibi")


class Lengths:
    """A decoder with one kind of positions."""

    rate = 3e-3

    def __init__(self, scheme: PositionKind, *, seed: int = 1, steps: int = 1_500) -> None:
        self.scheme, self.seed, self.steps, self.batch = scheme, seed, steps, 24
        self.texts = english(4_000)
        self.words = sorted({word for text in self.texts for word in text.split()})

    def build(self) -> Checkpoint:
        """2 layers, 4 heads, 48 channels, pre-norm."""
        torch.manual_seed(self.seed)
        config = Config(
            vocabulary=len(self.words),
            decoder_layers=2,
            channels=48,
            hidden=96,
            positions=self.scheme,
            limit=LIMIT,
        )
        return Checkpoint(Transformer(config), None, {"words": self.words, "length": LENGTH})

    def loss(self, network: Transformer, step: int) -> Tensor:
        """Cross-entropy of the next token, of texts of LENGTH tokens."""
        random = Random(f"{self.seed} {step}")
        tokens = draw(self.known, self.batch, LENGTH + 1, random)
        tokens = tokens.to(next(network.parameters()).device)  # (B, T + 1)
        logits = network(tokens[:, :-1])  # (B, T, V)
        return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    @cached_property
    def known(self) -> list[list[int]]:
        """The sentences as ids."""
        return read(self.texts, self.words)

    def measure(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """The loss of the last 32 tokens of unseen texts, by the length of the text."""
        tokens = unseen(self.words, count=64)  # (B, T + 1)
        return {
            f"loss at {length}": round(
                float(last_losses(checkpoint.network, tokens, length).mean()), 4
            )
            for length in (LENGTH, 2 * LENGTH, 4 * LENGTH, LIMIT)
        }


@torch.no_grad()
def last_losses(network: Transformer, tokens: Tensor, length: int, last: int = 32) -> Tensor:
    """Cross-entropy (B, last) of the `last` of `tokens` (B, T), with `length` tokens to read; the
    same are foretold at every length, with more text or less before them."""
    tokens = tokens[:, -length - 1 :].to(next(network.parameters()).device)
    logits = network(tokens[:, :-1])[:, -last:]  # (B, last, V)
    wanted = tokens[:, -last:]
    return F.cross_entropy(logits.mT, wanted, reduction="none")  # (B, V, last) -> (B, last)


def draw(known: list[list[int]], count: int, length: int, random: Random) -> Tensor:
    """Ids (B, T) of `count` texts, each of a few of the sentences `known`, begun anywhere."""
    rows = []
    for _ in range(count):
        own = random.sample(known, OWN)
        row: list[int] = []
        while len(row) < length + LONGEST:
            row += random.choice(own)
        start = random.randrange(LONGEST)
        rows.append(row[start : start + length])
    return torch.tensor(rows)


def read(texts: tuple[str, ...], words: list[str]) -> list[list[int]]:
    """The texts as ids, but for those with other words."""
    ids = {word: i for i, word in enumerate(words)}
    parted = [text.split() for text in texts]
    return [[ids[word] for word in text] for text in parted if ids.keys() >= set(text)]


def unseen(words: list[str], *, count: int, length: int = LIMIT) -> Tensor:
    """Ids (B, T + 1) of texts from sentences with pairs of noun and adjective never trained on."""
    return draw(read(english(300, held_out=True), words), count, length + 1, Random(7))


@cache
def english(count: int, *, held_out: bool = False) -> tuple[str, ...]:
    """Short English sentences of the grammar, each once."""
    drawn = islice(sentences(11, held_out=held_out), count)
    texts = dict.fromkeys(sentence.text("en") for sentence in drawn)
    return tuple(text for text in texts if len(text.split()) <= LONGEST)
