"""A task of memory, and two networks that learn it from the same batches.

A text begins with pairs of a name and a value and goes on with tokens that name nothing. At its end
one of the names is asked for its value. A token is the sum of two vectors, its name's (a filler
has the last) and its value's (a question has the last).

B texts, T tokens, C channels, P pairs.
"""

from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from app.labs.parts.fresh import Adam, draw
from app.labs.parts.windows import read
from model.config import Config
from model.transformer import Stack

NAMES, VALUES = 8, 8
CHANNELS, HEADS, HIDDEN = 32, 2, 64
BATCH, ASKED = 32, 256  # texts in a step, and in a measurement
RATE, WARM_UP = 1e-2, 20
LIMIT = 160  # tokens


@dataclass(frozen=True)
class Texts:
    """Texts and what each asks for."""

    names: Tensor  # (B, T)
    values: Tensor  # (B, T)
    wanted: Tensor  # (B,)


def write(count: int, distance: int, pairs: int, generator: torch.Generator) -> Texts:
    """`count` texts whose question stands `distance` tokens after the last of the pairs."""
    length = pairs + distance
    names = torch.full((count, length), NAMES)
    values = torch.randint(VALUES, (count, length), generator=generator)
    named = torch.rand(count, NAMES, generator=generator).argsort(dim=1)[:, :pairs]  # (B, P)
    names[:, :pairs] = named
    asked = torch.randint(pairs, (count, 1), generator=generator)  # (B, 1)
    wanted = values.gather(1, asked)[:, 0]  # (B, 1) -> (B,)
    names[:, -1:] = named.gather(1, asked)
    values[:, -1] = VALUES
    return Texts(names, values, wanted)


class Reader(nn.Module):
    """An LSTM of one layer, or a Transformer of one block: what it makes of the last token."""

    def __init__(self, kind: Literal["LSTM", "Transformer"], forget: float, window: int) -> None:
        super().__init__()
        self.names = nn.Embedding(NAMES + 1, CHANNELS)
        self.values = nn.Embedding(VALUES + 1, CHANNELS)
        self.output = nn.Linear(CHANNELS, VALUES)
        self.window = window
        shape = Config(
            vocabulary=1,
            decoder_layers=1,
            channels=CHANNELS,
            heads=HEADS,
            hidden=HIDDEN,
            limit=LIMIT,
        )
        lstm = kind == "LSTM"
        self.lstm = nn.LSTM(CHANNELS, CHANNELS, batch_first=True) if lstm else None
        self.stack = None if lstm else Stack(shape, "decoder")
        generator = torch.Generator().manual_seed(1)
        draw(self, generator)
        with torch.no_grad():
            for table in ("names", "values"):
                self.get_parameter(f"{table}.weight").normal_(generator=generator)
            if self.lstm is not None:  # PyTorch adds two biases
                self.lstm.get_parameter("bias_ih_l0")[CHANNELS : 2 * CHANNELS] = forget
                self.lstm.get_parameter("bias_hh_l0")[CHANNELS : 2 * CHANNELS] = 0

    def forward(self, texts: Texts) -> Tensor:
        """Logits (B, values) of the value that is asked for."""
        vectors = self.names(texts.names) + self.values(texts.values)  # (B, T, C)
        if self.lstm is not None:
            stream, _ = self.lstm(vectors)  # (B, T, C)
        else:
            assert self.stack is not None
            stream = read(self.stack, vectors, self.window)  # (B, T, C)
        logits: Tensor = self.output(stream[:, -1])  # (B, C) -> (B, values)
        return logits


def count_products(length: int) -> tuple[int, int]:
    """Multiply-adds of the LSTM's layer and of the Transformer's block for a text: of eight
    matrices of C by C; of four, of the feed-forward's two, and of scores and weighted sums."""
    recurrent = 8 * length * CHANNELS**2
    linear = 4 * length * CHANNELS**2 + 2 * length * CHANNELS * HIDDEN
    return recurrent, linear + 2 * length**2 * CHANNELS


@dataclass
class Learner:
    """A network in training, with what was measured of it."""

    network: Reader
    seconds: list[float] = field(default_factory=list)  # of each step
    recalled: list[list[float]] = field(default_factory=list)  # by measurement, by distance

    def __post_init__(self) -> None:
        self.optimiser = Adam(self.network.parameters())

    def step(self, texts: Texts) -> float:
        """One step; the loss before it."""
        start = perf_counter()
        loss = F.cross_entropy(self.network(texts), texts.wanted)
        self.optimiser.step(loss, RATE * min(1, (len(self.seconds) + 1) / WARM_UP))
        self.seconds.append(perf_counter() - start)
        return float(loss.detach())

    @torch.no_grad()
    def measure(self, exams: list[Texts]) -> None:
        """The share of right answers in each of `exams`."""
        right = [(self.network(exam).argmax(dim=-1) == exam.wanted) for exam in exams]
        self.recalled.append([float(answers.float().mean()) for answers in right])
