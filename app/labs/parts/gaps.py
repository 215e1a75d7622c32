"""Gaps in sentences, and how the masked language model fills them: from both sides or from one.

What must not be read is masked, as in the model's training.

B batch, N gaps, T tokens, V vocabulary.
"""

import math
from dataclasses import dataclass, replace
from typing import Annotated, Self

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from app.labs.illustration import UnfitInput
from model.checkpoint import Models
from model.tasks.masked import MASK
from model.tasks.translation import held_out
from model.tokenizer import Tokenizer
from model.transformer import Transformer
from model.translator import tidy

CONTEXTS = {"both": "both sides", "left": "the left alone", "right": "the right alone"}
LONGEST = 32  # tokens of a sentence

GappedSentence = Annotated[
    str,
    Field(
        title="English sentence",
        description="One sentence; the model knows the translator's words.",
        min_length=1,
        max_length=200,
    ),
]


@dataclass(frozen=True)
class Gap:
    """A sentence, of which the token at `place` is hidden, and the model that is to guess it."""

    network: Transformer
    tokenizer: Tokenizer
    ids: Tensor  # (T,)
    place: int

    @classmethod
    def read(cls, sentence: str, hide: str, models: Models) -> Self:
        """The gap that a reader asks for. UnfitInput where there is no such word, or it is not one
        token."""
        tokenizer = models.mlm.tokenizer
        assert tokenizer is not None
        words = tidy(sentence, "en")
        ids = tokenizer.encode(words) if words else []
        if not 2 <= len(ids) <= LONGEST:
            raise UnfitInput(f"The sentence has {len(ids)} tokens; write 2 to {LONGEST}, please.")
        word = hide.strip().lower()
        if word not in words.split():
            raise UnfitInput(f"There is no word “{word}” in “{words}”.")
        if word not in tokenizer.pieces(ids):
            raise UnfitInput(f"“{word}” is several tokens to this model; hide another word.")
        place = tokenizer.pieces(ids).index(word)
        return cls(models.mlm.network, tokenizer, torch.tensor(ids), place)

    @property
    def truth(self) -> int:
        """The token that is hidden."""
        return int(self.ids[self.place])

    @property
    def tokens(self) -> list[str]:
        """The sentence's tokens, for a reader."""
        return self.tokenizer.pieces(self.ids.tolist())

    def with_another_truth(self) -> Self:
        """The same sentence with another token in the hidden place."""
        ids = self.ids.clone()
        ids[self.place] = 4 + (self.truth - 3) % (len(self.tokenizer) - 4)
        return replace(self, ids=ids)

    def guess(self, context: str, instead: int | None = None) -> Tensor:
        """How likely each token is in the gap, where the model reads the mask, or `instead`: (V,).
        The context "none" hides all."""
        mask = self.tokenizer.identity(MASK)
        places = torch.arange(len(self.ids))
        given = self.ids.masked_fill(out_of_sight(context, places, self.place), mask)
        if instead is not None:
            given[self.place] = instead
        logits = self.network(given[None])  # (1, T) -> (1, T, V)
        chances: Tensor = logits[0, self.place].softmax(dim=-1)  # (1, T, V) -> (V,)
        return chances


def out_of_sight(context: str, places: Tensor, gap: Tensor | int) -> Tensor:
    """Which of `places` (T,) cannot be read when the gap is at `gap`, or at each of (N, 1)."""
    left, right = places < gap, places > gap
    sides = {"both": left & right, "left": right, "right": left, "none": left | right}
    return (places == gap) | sides[context]


def surprise(network: Transformer, tokenizer: Tokenizer, rows: Tensor, context: str) -> Tensor:
    """Minus log2 of the probability of every token of `rows` (B, T), each masked in turn: (N,)."""
    row, place = (rows != tokenizer.pad).nonzero().T  # (N,), (N,)
    whole = rows[row]  # (B, T) -> (N, T)
    real = whole != tokenizer.pad
    hidden = out_of_sight(context, torch.arange(rows.shape[1]), place[:, None]) & real
    states = network.encode(whole.masked_fill(hidden, tokenizer.identity(MASK)), real=real)
    turn = torch.arange(len(row))
    log_probs = network.logits(states[turn, place]).log_softmax(dim=-1)  # (N, C) -> (N, V)
    return -log_probs[turn, whole[turn, place]] / math.log(2)


def unseen_sentences(tokenizer: Tokenizer, count: int) -> Tensor:
    """Sentences of the grammar that the model was never trained on: (B, T), padded."""
    rows = [torch.tensor(tokenizer.encode(s.text("en"))) for s in held_out(count)]
    return pad_sequence([row[:LONGEST] for row in rows], batch_first=True)


def corrupt(
    tokens: Tensor, real: Tensor, share: float, tokenizer: Tokenizer, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`tokens` (B, T) as BERT reads them in training, and which are masked, swapped and kept. Of a
    `share` chosen, 80, 10 and 10 %. Devlin et al. 2019, section 3.1."""
    chosen = (torch.rand(tokens.shape, generator=generator) < share) & real
    draw = torch.rand(tokens.shape, generator=generator)
    others = torch.randint(4, len(tokenizer), tokens.shape, generator=generator)
    masked, swapped = chosen & (draw < 0.8), chosen & (draw >= 0.9)
    given = tokens.masked_fill(masked, tokenizer.identity(MASK))
    return torch.where(swapped, others, given), masked, swapped, chosen & ~masked & ~swapped
