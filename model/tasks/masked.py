"""Training the masked language model: an encoder that fills gaps in the grammar's English, from
what stands on both sides. Devlin et al. 2019 (BERT).

B batch, T tokens, V vocabulary.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, get_args

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from model.checkpoint import Checkpoint
from model.config import Config
from model.corpus import english, sentences
from model.corpus.sentence import (
    ADVERBS,
    MODALS,
    PLURAL,
    PREPOSITIONS,
    PRONOUNS,
    SINGULAR,
    Clause,
    Phrase,
    Tense,
)
from model.tasks.translation import held_out
from model.tokenizer import Tokenizer
from model.transformer import Transformer

MASK = "<mask>"
HIDDEN = 0.2  # the share of tokens that are to be guessed
FUNCTION = frozenset(
    "a an any the this these every some many my our am is are was were be do does did will can "
    "must to not that because and but who what why when where in on of front under behind near "
    "with without towards very too . ?".split()
)
AGREEING = frozenset("a an this these am is are was were do does".split())


class Masked:
    """The encoder-only model."""

    rate = 2e-3

    def __init__(self, *, seed: int = 1, steps: int = 4_000, examples: int = 60_000) -> None:
        self.seed, self.steps, self.batch = seed, steps, 96
        texts = [s.text("en") for s in islice(sentences(seed), examples)]
        self.tokenizer = Tokenizer.train(texts, size=1700, tags=(MASK,))
        self.rows = [torch.tensor(self.tokenizer.encode(text)) for text in texts]

    def build(self) -> Checkpoint:
        """2 layers, 4 heads, 128 channels, post-norm and learned positions as in BERT."""
        torch.manual_seed(self.seed)
        config = Config(
            vocabulary=len(self.tokenizer),
            encoder_layers=2,
            norm_first=False,
            norm_embedding=True,
            positions="learned",
            head_bias=True,
            limit=64,
            dropout=0.05,
        )
        return Checkpoint(Transformer(config), self.tokenizer, {})

    def loss(self, network: Transformer, step: int) -> Tensor:
        """Cross-entropy of the hidden tokens alone."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_000 + step)
        chosen = torch.randint(len(self.rows), (self.batch,), generator=generator).tolist()
        tokens = pad_sequence([self.rows[i] for i in chosen], batch_first=True)  # (B, T); PAD is 0
        real = tokens != self.tokenizer.pad
        given, hidden = self.hide(tokens, real, generator)
        device = next(network.parameters()).device
        logits = network(given.to(device), real=real.to(device))  # (B, T, V)
        chosen_logits = logits[hidden.to(device)]  # (B, T, V) -> (hidden, V)
        return F.cross_entropy(chosen_logits, tokens[hidden].to(device))

    def hide(
        self, tokens: Tensor, real: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The tokens (B, T) with a fifth to be guessed, and which those are: of ten, eight become
        MASK, one another token, one stays, so that every token's vector has to be good."""
        hidden = (torch.rand(tokens.shape, generator=generator) < HIDDEN) & real
        hidden[:, 0] |= ~hidden.any(dim=1)
        draw = torch.rand(tokens.shape, generator=generator)
        others = torch.randint(4, len(self.tokenizer), tokens.shape, generator=generator)
        given = tokens.masked_fill(hidden & (draw < 0.8), self.tokenizer.identity(MASK))
        return torch.where(hidden & (draw > 0.9), others, given), hidden

    def measure(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """How well it fills gaps in sentences never trained on."""
        return fill_gaps(checkpoint, count=1000)


@torch.inference_mode()
def fill_gaps(checkpoint: Checkpoint, *, count: int) -> dict[str, Any]:
    """With every function word of `count` held-out sentences hidden in turn: how often the first
    guess is right where the context decides (no other word makes a sentence of the grammar), and,
    for words that agree, how often it is one that the grammar allows there."""
    network, tokenizer = checkpoint.network, checkpoint.tokenizer
    assert tokenizer is not None
    device = next(network.parameters()).device
    counts = {"decided": [0, 0], "agreeing": [0, 0]}
    for sentence in held_out(count):
        words = sentence.text("en").split()
        ids = [i for word in words for i in tokenizer.encode(word)]
        gaps = [place for place, word in enumerate(words) if word in FUNCTION]
        if len(ids) != len(words):  # a word in pieces: its places are not the words'
            continue
        rows = torch.tensor([ids] * len(gaps), device=device)  # (gaps, T)
        rows[range(len(gaps)), gaps] = tokenizer.identity(MASK)
        guesses = network(rows)[range(len(gaps)), gaps].argmax(dim=-1).tolist()  # (gaps, T, V)
        options = alternatives(sentence.meaning, words)
        for place, guess in zip(gaps, tokenizer.pieces(guesses), strict=True):
            allowed = options[place] | {words[place]}
            if len(allowed) == 1:
                counts["decided"][0] += guess in allowed
                counts["decided"][1] += 1
            if words[place] in AGREEING:
                counts["agreeing"][0] += guess in allowed
                counts["agreeing"][1] += 1
    figures: dict[str, Any] = {name: right / total for name, (right, total) in counts.items()}
    return figures | {f"{name} gaps": total for name, (_, total) in counts.items()}


def alternatives(meaning: Clause, words: list[str]) -> list[set[str]]:
    """For every word of the sentence, the others that could stand there alone."""
    found: list[set[str]] = [set() for _ in words]
    for other in vary(meaning):
        said = [word.text for word in english.speak(other)]
        if len(said) == len(words):
            differing = [i for i, word in enumerate(said) if word != words[i]]
            if len(differing) == 1:
                found[differing[0]].add(said[differing[0]])
    return found


def vary(clause: Clause) -> Iterator[Clause]:
    """The clause with other tenses, modals, negation, degrees, questions, links, determiners,
    pronouns, prepositions and adverbs; one or two of those at a time."""
    once = list(vary_once(clause))
    yield from once
    for other in once:
        yield from vary_once(other)


def vary_once(clause: Clause) -> Iterator[Clause]:
    """The clause with one thing changed."""
    for tense in get_args(Tense):
        yield replace(clause, tense=tense, modal="")
    if clause.verb is not None:
        yield from (replace(clause, modal=modal, tense="present") for modal in MODALS)
    yield replace(clause, negated=not clause.negated)
    if clause.predicate is not None:
        yield from (replace(clause, degree=degree) for degree in ("", "very", "too"))
    if clause.adverb:
        yield from (replace(clause, adverb=adverb) for adverb in ADVERBS)
    if clause.place is not None:
        yield from (replace(clause, preposition=other) for other in PREPOSITIONS)
    if clause.asks in ("why", "when"):
        yield from (replace(clause, asks=asks) for asks in ("why", "when"))
    if clause.link != "that" and clause.joined is not None:
        yield from (replace(clause, link=link) for link in ("because", "and", "but"))
    if clause.asks != "who":
        yield from (replace(clause, subject=other) for other in vary_phrase(clause.subject))
    if clause.obj is not None:
        yield from (replace(clause, obj=other) for other in vary_phrase(clause.obj))
    if clause.place is not None:
        yield from (replace(clause, place=other) for other in vary_phrase(clause.place))
    if clause.joined is not None:
        yield from (replace(clause, joined=other) for other in vary_once(clause.joined))


def vary_phrase(phrase: Phrase) -> Iterator[Phrase]:
    """The phrase with another determiner, or another pronoun."""
    if phrase.noun is not None:
        for determiner in dict.fromkeys(PLURAL if phrase.plural else SINGULAR):
            yield replace(phrase, determiner=determiner)
    elif phrase.pronoun:
        for pronoun, _ in PRONOUNS:
            yield replace(phrase, pronoun=pronoun)
