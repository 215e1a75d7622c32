"""One sentence, two readers: the encoder that fills gaps and the decoder that goes on.

Each cuts the words into tokens of its own; places are words, which both count alike.

B batch, N words, T tokens, C channels, V vocabulary.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from model.attention import Call
from model.checkpoint import Checkpoint
from model.config import Switches
from model.tasks.masked import MASK
from model.tokenizer import Tokenizer
from model.trace import Trace
from model.transformer import Transformer


@dataclass(frozen=True)
class Reader:
    """A network, the sentence in its own tokens, and whether its attention is causal."""

    network: Transformer
    tokenizer: Tokenizer
    words: tuple[tuple[int, ...], ...]
    causal: bool

    @classmethod
    def of(cls, checkpoint: Checkpoint, words: list[str], *, causal: bool) -> Self:
        assert checkpoint.tokenizer is not None
        ids = tuple(tuple(checkpoint.tokenizer.encode(word)) for word in words)
        return cls(checkpoint.network, checkpoint.tokenizer, ids, causal)

    @property
    def ids(self) -> Tensor:
        """The sentence's tokens, (T,)."""
        return torch.tensor([token for word in self.words for token in word])

    @property
    def owners(self) -> Tensor:
        """The word of each token, (T,)."""
        lengths = torch.tensor([len(word) for word in self.words])
        return torch.arange(len(self.words)).repeat_interleave(lengths)

    @property
    def starts(self) -> Tensor:
        """The place of each word's first token, (N,)."""
        lengths = torch.tensor([len(word) for word in self.words])
        return lengths.cumsum(dim=0) - lengths

    @property
    def stack(self) -> str:
        return "encoder" if self.network.encoder else "decoder"

    def with_word(self, place: int, word: str) -> Self:
        """The same sentence with another word in that place."""
        words = list(self.words)
        words[place] = tuple(self.tokenizer.encode(word))
        return replace(self, words=tuple(words))

    def states(self, ids: Tensor, trace: Trace | None = None) -> Tensor:
        """The last layer's states (B, T, C) of `ids` (B, T), under the mask that is set."""
        embeddings = self.network.embedding(ids)  # (B, T) -> (B, T, C)
        length = ids.shape[1]
        seen = torch.ones(length, length, dtype=torch.bool)
        switches = Switches(mask="causal" if self.causal else "none")
        stack = self.network.encoder or self.network.decoder
        assert stack is not None
        seen = seen.tril() if self.causal else seen
        found: Tensor = stack(embeddings, None, seen, Call(trace=trace, switches=switches))
        return found

    def foretell(self, ids: Tensor) -> Tensor:
        """How likely every token is as the first of each word, given `ids` (B, T): (B, N, V). The
        encoder has that word masked; the decoder has read what stands before it, and of the first
        word, which nothing stands before, it says nothing: zeros."""
        if self.network.decoder:
            states = self.states(ids)[:, self.starts[1:] - 1]  # (B, T, C) -> (B, N - 1, C)
            chances: Tensor = self.network.logits(states).softmax(dim=-1)  # (B, N - 1, V)
            return torch.cat((torch.zeros_like(chances[:, :1]), chances), dim=1)
        count = len(self.words)
        gaps = self.owners == torch.arange(count)[:, None]  # (N, T)
        hidden = ids[:, None].masked_fill(gaps, self.tokenizer.identity(MASK))  # (B, N, T)
        states = self.states(hidden.flatten(0, 1))  # (B * N, T, C)
        asked = self.starts.repeat(len(ids))  # (B * N,)
        logits = self.network.logits(states[torch.arange(len(asked)), asked])  # (B * N, V)
        return logits.softmax(dim=-1).view(len(ids), count, -1)  # (B * N, V) -> (B, N, V)

    def reach(self) -> Tensor:
        """How much of what is foretold for each word moves when each word is another: (N, N), the
        word foretold first. Every token of the changed word becomes the next of the vocabulary."""
        special = len(self.tokenizer.special)
        others = special + (self.ids - special + 1) % (len(self.tokenizer) - special)  # (T,)
        changed = self.owners == torch.arange(len(self.words))[:, None]  # (N, T)
        chances = self.foretell(torch.cat((self.ids[None], self.ids.where(~changed, others))))
        return moved(chances[1:], chances[:1]).T

    def pattern(self, layer: int, head: str) -> Tensor:
        """One head of a layer, or the mean of all, on the sentence: (T, T)."""
        trace: Trace = {}
        self.states(self.ids[None], trace)
        pattern = trace[f"{self.stack}.{layer}.self_attention.pattern"][0]  # (H, T, T)
        return pattern.mean(dim=0) if head == "mean" else pattern[int(head) - 1]

    def moved_by_one_more(self) -> Tensor:
        """How far the last state of every token moves, relative to its length, when the sentence's
        last token is said once more: (T,)."""
        ids = self.ids[None]
        longer = self.states(torch.cat((ids, ids[:, -1:]), dim=1))[:, :-1]
        own = self.states(ids)
        moves: Tensor = (longer - own).norm(dim=-1) / own.norm(dim=-1)  # (1, T)
        return moves[0]

    def bits_in_order(self) -> tuple[float, float]:
        """The sentence's surprise when its gaps are filled one after another, from the left and
        from the right; what is not filled yet is masked."""
        length = len(self.ids)
        filled = torch.ones(length, length, dtype=torch.bool)  # at each step, which are
        total = []
        for known in (filled.tril(-1), filled.triu(1)):
            given = self.ids.where(known, torch.tensor(self.tokenizer.identity(MASK)))  # (T, T)
            turn = torch.arange(length)
            log_probs = self.network.logits(self.states(given)[turn, turn]).log_softmax(dim=-1)
            total.append(-float(log_probs[turn, self.ids].sum()) / math.log(2))
        return total[0], total[1]


def moved(one: Tensor, other: Tensor) -> Tensor:
    """How much probability is elsewhere: total variation, over the last dimension."""
    apart: Tensor = (one - other).abs().sum(dim=-1) / 2
    return apart
