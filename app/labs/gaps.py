"""Gaps in sentences, and how the masked language model fills them: from both sides or from one.

What must not be read is masked, as in the model's training. B batch, N gaps, T tokens, V vocabulary.
"""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from app.labs.illustration import UnfitInput
from model.checkpoint import Checkpoint
from model.tasks.masked import MASK
from model.tasks.translation import held_out
from model.tokenizer import Tokenizer
from model.transformer import Transformer
from model.translator import tidy

CONTEXTS = {"both": "both sides", "left": "left side alone", "right": "right side alone"}
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


def tokenizer_of(checkpoint: Checkpoint) -> Tokenizer:
    """The checkpoint's tokenizer, which every model of text has."""
    assert checkpoint.tokenizer is not None
    return checkpoint.tokenizer


def read(sentence: str, hide: str, tokenizer: Tokenizer) -> tuple[Tensor, int]:
    """The sentence's ids (T,) and the place of the word to hide, which must be one token."""
    words = tidy(sentence, "en")
    ids = tokenizer.encode(words) if words else []
    if not 2 <= len(ids) <= LONGEST:
        raise UnfitInput(f"The sentence has {len(ids)} tokens; write 2 to {LONGEST}, please.")
    word = hide.strip().lower()
    if word not in words.split():
        raise UnfitInput(f"There is no word “{word}” in “{words}”.")
    if word not in tokenizer.pieces(ids):
        raise UnfitInput(f"“{word}” is several tokens to this model; hide another word.")
    return torch.tensor(ids), tokenizer.pieces(ids).index(word)


def hide_side(context: str, places: Tensor, at: Tensor) -> Tensor:
    """Which of the tokens `at` (T,) cannot be read when the gap is at `places` (N, 1): (N, T)."""
    gap = at == places
    return gap | {"both": gap, "left": at > places, "right": at < places}[context]


def guess(
    network: Transformer,
    tokenizer: Tokenizer,
    ids: Tensor,
    place: int,
    context: str,
    instead: int | None = None,
) -> Tensor:
    """How likely each token is at `place` of `ids` (T,), where `instead`, or the mask, is read:
    (V,)."""
    mask = tokenizer.identity(MASK)
    hidden = hide_side(context, torch.tensor([[place]]), torch.arange(len(ids)))[0]
    given = ids.masked_fill(hidden, mask)
    given[place] = mask if instead is None else instead
    return network(given[None])[0, place].softmax(dim=-1)  # (1, T, V) -> (V,)


def surprise(network: Transformer, tokenizer: Tokenizer, rows: Tensor, context: str) -> Tensor:
    """Minus log2 of the probability of every token of `rows` (B, T), each masked in turn: (N,)."""
    row, place = (rows != tokenizer.pad).nonzero().T  # (N,), (N,)
    whole = rows[row]  # (B, T) -> (N, T)
    hidden = hide_side(context, place[:, None], torch.arange(rows.shape[1]))
    given = whole.masked_fill(hidden & (whole != tokenizer.pad), tokenizer.identity(MASK))
    states = network.encode(given, real=whole != tokenizer.pad)  # (N, T, C)
    turn = torch.arange(len(row))
    log_probs = network.logits(states[turn, place]).log_softmax(dim=-1)  # (N, C) -> (N, V)
    return -log_probs[turn, whole[turn, place]] / math.log(2)


def unseen_sentences(tokenizer: Tokenizer, count: int) -> Tensor:
    """Sentences of the grammar that the model was never trained on: (B, T), padded."""
    rows = [torch.tensor(tokenizer.encode(s.text("en"))) for s in held_out(count)]
    return pad_sequence([row[:LONGEST] for row in rows], batch_first=True)
