"""Translations along their references and by the model on its own, with a mistake put in or none.

B translations, T target tokens, S source tokens, C channels, V vocabulary.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Literal

import torch
from torch import Tensor

from model.config import Switches
from model.corpus import sentences
from model.decode import Reading
from model.tasks.translation import encode, pad
from model.translator import Translator

Mask = Literal["causal", "none"]
Mistake = Literal["random", "second", "none"]


@dataclass(frozen=True)
class Batch:
    """Translations with their references. B of them, T tokens, filled up with padding."""

    memory: Tensor  # (B, S, C), what the encoder makes of the sources
    real: Tensor  # (B, S), True where those are no padding
    reference: Tensor  # (B, T + 1), BOS, the tokens, EOS
    filler: int

    @property
    def right(self) -> Tensor:
        """What is to be written, (B, T)."""
        return self.reference[:, 1:]

    @property
    def counts(self) -> Tensor:
        """True where something is, (B, T)."""
        return self.right != self.filler

    def hits(self, guesses: Tensor) -> Tensor:
        """1 where `guesses` (B, T) are right, 0 where not, nan where nothing is to be written."""
        right = (guesses == self.right).double()
        return right.masked_fill(~self.counts, torch.nan)


@dataclass(frozen=True)
class Runs:
    """What was chosen at each place of the same translations: (B, T) each."""

    forced: Tensor  # along the reference
    own: Tensor  # by the model on its own
    left_in: Tensor  # along the reference, in which the mistake is left
    slipped: Tensor  # by the model on its own, with the mistake among what it reads


def draw(translator: Translator, *, seed: int, count: int, least: int) -> Batch:
    """Sentences of the corpus with their references, each of `least` tokens or more."""
    tokenizer = translator.tokenizer
    pairs = (encode(tokenizer, each.text("en"), each.text("fr"), "fr") for each in sentences(seed))
    fit = (pair for pair in pairs if len(pair[1]) > least)
    source, reference = pad(list(islice(fit, count)), tokenizer.pad, translator.device)
    real = source != tokenizer.pad
    return Batch(translator.network.encode(source, real=real), real, reference, tokenizer.pad)


def score_at_once(translator: Translator, batch: Batch, read: Tensor, mask: Mask) -> Tensor:
    """Log-probabilities (B, T, V) of what follows each of the tokens `read` (B, T), at once."""
    logits = translator.network.decode(
        read, batch.memory, real=batch.real, switches=Switches(mask=mask)
    )
    return logits.log_softmax(dim=-1)


def draw_wrong(
    translator: Translator, mistake: Mistake, seed: int, log_probs: Tensor, right: Tensor
) -> Tensor:
    """A wrong token (B,) in the place of the `right` one (B,), whose log-probability is among
    `log_probs` (B, V)."""
    if mistake == "second":
        return log_probs.scatter(1, right[:, None], -torch.inf).argmax(dim=1)
    generator = torch.Generator().manual_seed(seed)
    first, size = len(translator.tokenizer.special), len(translator.tokenizer)
    drawn = torch.randint(first, size - 1, right.shape, generator=generator)
    return drawn + (drawn >= right)  # any but the right one


def write_alone(
    translator: Translator, batch: Batch, place: int | None = None, wrong: Tensor | None = None
) -> Tensor:
    """What the model writes on its own, (B, T); at the place it reads `wrong` (B,) in place of
    what it chose."""
    end = translator.tokenizer.eos
    reading = Reading(translator.network, batch.memory, batch.real)
    token = batch.reference[:, :1]  # (B, 1), BOS
    written: list[Tensor] = []
    for step in range(batch.right.shape[1]):
        token = reading.read(token).argmax(dim=-1, keepdim=True)  # (B, V) -> (B, 1)
        if step == place and wrong is not None:
            token = wrong[:, None]  # (B,) -> (B, 1)
        if written:
            ended = (written[-1] == end) | (written[-1] == batch.filler)
            token = token.masked_fill(ended, batch.filler)
        written.append(token)
    return torch.cat(written, dim=1)  # (B, T)


def share_in_order(batch: Batch, written: Tensor, place: int) -> Tensor:
    """The share (B,) of the reference's tokens after the place that are written in the same order,
    wherever they stand: the longest common subsequence."""
    shares = []
    for right, got in zip(batch.right.tolist(), written.tolist(), strict=True):
        expected, found = (
            [token for token in row[place + 1 :] if token != batch.filler] for row in (right, got)
        )
        best = [0] * (len(found) + 1)  # longest, with that many of `found`
        for token in expected:
            before = best
            best = [0]
            for column, other in enumerate(found):
                longer = before[column] + 1 if token == other else 0
                best.append(max(longer, before[column + 1], best[column]))
        shares.append(best[-1] / len(expected))
    return torch.tensor(shares, dtype=torch.float64)
