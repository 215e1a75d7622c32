"""Training the translator: four directions at once, told apart by a tag. French and Spanish never
meet, so that translating between them, where it works, is the network's own doing.

B batch, T target tokens, S source tokens.
"""

from collections import Counter
from functools import cache
from itertools import islice
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from model.checkpoint import Checkpoint
from model.config import Config
from model.corpus import LANGUAGES, Language, Sentence, sentences
from model.corpus.words import Links
from model.decode import greedy
from model.tokenizer import Tokenizer
from model.transformer import Transformer

DIRECTIONS: list[tuple[Language, Language]] = [
    ("en", "fr"),
    ("en", "es"),
    ("fr", "en"),
    ("es", "en"),
]
ZERO_SHOT: list[tuple[Language, Language]] = [("fr", "es"), ("es", "fr")]
TAGS = tuple(f"<{language}>" for language in LANGUAGES)
NAMES = 0.08  # of persons, so that what has no translation is copied
CUT = 0.15  # of sources, so that pieces of words are known too
MARKS = frozenset(".?¿")
Pair = tuple[list[int], list[int]]


class Translation:
    """The encoder-decoder on the grammar's sentences."""

    rate = 2e-3

    def __init__(self, *, seed: int = 1, steps: int = 10_000, examples: int = 200_000) -> None:
        self.seed, self.steps, self.batch = seed, steps, 80
        drawn = list(islice(sentences(seed, names=NAMES), examples))
        self.texts = {name: [s.text(name) for s in drawn] for name in LANGUAGES}
        self.words = {name: find_words(texts) for name, texts in self.texts.items()}
        joined = (text for name in LANGUAGES for text in self.texts[name][:60_000])
        self.tokenizer = Tokenizer.train(joined, size=6000, tags=TAGS)

    def build(self) -> Checkpoint:
        """2 + 2 layers, 4 heads, 128 channels; as in the 2017 paper, but the norm comes first."""
        torch.manual_seed(self.seed)
        config = Config(
            vocabulary=len(self.tokenizer),
            encoder_layers=2,
            decoder_layers=2,
            activation="relu",
            scale_embedding=True,
            limit=64,
        )
        return Checkpoint(Transformer(config), self.tokenizer, {"words": self.words})

    def loss(self, network: Transformer, step: int) -> Tensor:
        """Cross-entropy of the next target token, a twentieth of it spread over the vocabulary."""
        source, target = self.draw(step, next(network.parameters()).device)
        logits = network(source, target[:, :-1], real=source != self.tokenizer.pad)  # (B, T, V)
        return F.cross_entropy(
            logits.flatten(0, 1),  # (B, T, V) -> (B*T, V)
            target[:, 1:].flatten(),  # (B, T) -> (B*T,)
            ignore_index=self.tokenizer.pad,
            label_smoothing=0.05,
        )

    def draw(self, step: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Source (B, S) and target (B, T) of a step: of eight batches in a row, drawn together and
        sorted by length, one; so that little of it is padding."""
        random = Random(f"{self.seed} {step // 8}")
        rows = random.choices(range(len(self.texts["en"])), k=8 * self.batch)
        pairs = [self.pair(row, *random.choice(DIRECTIONS), random) for row in rows]
        pairs.sort(key=lambda pair: len(pair[0]))
        order = random.sample(range(8), 8)
        start = order[step % 8] * self.batch
        return pad(pairs[start : start + self.batch], self.tokenizer.pad, device)

    def pair(self, row: int, source: Language, target: Language, random: Random) -> Pair:
        """One example: the tag and the source, now and then in more pieces; the target."""
        pair = encode(self.tokenizer, self.texts[source][row], self.texts[target][row], target)
        if random.random() >= CUT:
            return pair
        return pair[0][:1] + self.tokenizer.encode_cut(self.texts[source][row], random), pair[1]

    def measure(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """Exact match in every direction, and how well cross-attention aligns words."""
        figures: dict[str, Any] = {}
        for source, target in DIRECTIONS + ZERO_SHOT:
            right, _ = exact_match(checkpoint, source, target, count=1000)
            figures[f"exact match {source}-{target}"] = right
        for source, target in DIRECTIONS:
            right, _ = exact_match(checkpoint, source, target, count=200, names=0.5)
            figures[f"exact match with invented names {source}-{target}"] = right
        for source, target in DIRECTIONS:
            for name, marks in (("alignment error", False), ("alignment error with marks", True)):
                rates = alignment_error(checkpoint, source, target, count=200, marks=marks)
                best = min(rates, key=lambda head: rates[head])
                figures[f"{name} {source}-{target}"] = {"head": best, "rate": rates[best]}
        return figures


def find_words(texts: list[str]) -> list[str]:
    """The words that come three times or more: those of the grammar, not the made-up names."""
    counts = Counter(word for text in texts for word in text.split())
    return sorted(word for word, count in counts.items() if count >= 3)


def encode(tokenizer: Tokenizer, source: str, target: str, to: Language) -> Pair:
    """Ids of the tag and the source; of BOS, the target and EOS."""
    ids = [tokenizer.identity(f"<{to}>"), *tokenizer.encode(source)]
    return ids, [tokenizer.bos, *tokenizer.encode(target), tokenizer.eos]


def pad(pairs: list[Pair], filler: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The sources (B, S) and the targets (B, T), the shorter ones filled up at the end."""
    sources = [torch.tensor(source) for source, _ in pairs]
    targets = [torch.tensor(target) for _, target in pairs]
    return (
        pad_sequence(sources, batch_first=True, padding_value=filler).to(device),  # (B, S)
        pad_sequence(targets, batch_first=True, padding_value=filler).to(device),  # (B, T)
    )


@cache
def held_out(count: int, seed: int = 7_000, names: float = 0.0) -> tuple[Sentence, ...]:
    """Different sentences whose pairs of noun and adjective training never showed."""
    found: dict[str, Sentence] = {}
    for sentence in sentences(seed, held_out=True, names=names):
        found.setdefault(sentence.text("en"), sentence)
        if len(found) == count:
            return tuple(found.values())
    raise AssertionError("sentences never end")


@torch.inference_mode()
def exact_match(
    checkpoint: Checkpoint, source: Language, target: Language, *, count: int, names: float = 0.0
) -> tuple[float, list[tuple[str, str, str]]]:
    """The share of `count` held-out sentences translated word for word as the grammar does, and
    (source, expected, got) of the others."""
    network, tokenizer = checkpoint.network, checkpoint.tokenizer
    assert tokenizer is not None
    device = next(network.parameters()).device
    drawn = held_out(count, names=names)
    wrong = []
    for begin in range(0, count, 100):
        part = drawn[begin : begin + 100]
        texts = [(s.text(source), s.text(target)) for s in part]
        pairs = [encode(tokenizer, *text, target) for text in texts]
        ids, reference = pad(pairs, tokenizer.pad, device)
        real = ids != tokenizer.pad
        memory = network.encode(ids, real=real)
        start = reference[:, :1]  # (B, 1), BOS
        found = greedy(network, start, end=tokenizer.eos, source=memory, real=real)
        for (said, expected), decoded in zip(texts, found, strict=True):
            got = tokenizer.decode(decoded.ids)
            if got != expected or not decoded.complete:
                wrong.append((said, expected, got))
    return 1 - len(wrong) / count, wrong


@torch.inference_mode()
def alignment_error(
    checkpoint: Checkpoint, source: Language, target: Language, *, count: int, marks: bool = False
) -> dict[str, float]:
    """The alignment error rate of every cross-attention head: every target word is linked to the
    source word that gets most attention where that word is predicted (Och and Ney 2003). Words are
    linked to marks where a head does so, but the target's own marks count only with `marks`."""
    network, tokenizer = checkpoint.network, checkpoint.tokenizer
    assert tokenizer is not None
    totals: dict[str, list[int]] = {}
    for sentence in held_out(count):
        ids, reference = encode(tokenizer, sentence.text(source), sentence.text(target), target)
        trace: dict[str, Tensor] = {}
        network(torch.tensor([ids]), torch.tensor([reference[:-1]]), trace=trace)
        sure, possible = sentence.alignment(source, target)
        counted = {j for j, w in enumerate(sentence.words[target]) if marks or w.text not in MARKS}
        sure = frozenset(pair for pair in sure if pair[1] in counted)
        asked = group(tokenizer, reference[1:-1])  # predicted at these places
        keys = group(tokenizer, ids[1:], first=1)
        for name, pattern in trace.items():
            if name.endswith("cross_attention.pattern"):
                for head, weights in enumerate(pattern[0]):  # (T, S)
                    links = frozenset(p for p in link(weights, asked, keys) if p[1] in counted)
                    counts = totals.setdefault(f"{name.removesuffix('.pattern')}.{head}", [0, 0, 0])
                    counts[0] += len(links & sure)
                    counts[1] += len(links & possible)
                    counts[2] += len(links) + len(sure)
    return {head: 1 - (a + b) / whole for head, (a, b, whole) in totals.items()}


def group(tokenizer: Tokenizer, ids: list[int], first: int = 0) -> list[list[int]]:
    """The places of every word's pieces; the first piece stands at place `first`."""
    words: list[list[int]] = []
    for place, piece in enumerate(tokenizer.pieces(ids), start=first):
        if piece.startswith("·") and words:
            words[-1].append(place)
        else:
            words.append([place])
    return words


def link(weights: Tensor, asked: list[list[int]], keys: list[list[int]]) -> Links:
    """For every target word the source word on which its pieces put most weight, from (T, S)."""
    by_key = torch.stack([weights[:, places].sum(dim=1) for places in keys], dim=1)  # (T, words)
    by_word = torch.stack([by_key[places].mean(dim=0) for places in asked])  # (words, words)
    return frozenset((int(i), j) for j, i in enumerate(by_word.argmax(dim=1)))
