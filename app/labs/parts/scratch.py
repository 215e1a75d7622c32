"""The translator's network trained from scratch, English to French, a step at a time.

B batch, T target tokens, S source tokens, V vocabulary.
"""

import math
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import islice

import torch
from torch import Tensor
from torch.nn import functional as F

from app.labs.parts.fresh import Adam, build
from model.corpus import sentences
from model.decode import greedy
from model.tasks.translation import Pair, encode, pad
from model.translator import Translator, join

EXAMPLES, UNSEEN, BATCH = 1000, 32, 16
MORE = 0.1  # added to every count, so that no token is impossible
LONGEST = 16  # tokens of a translation, which an untrained network never ends


@dataclass(frozen=True)
class Measured:
    """A moment of the run."""

    step: int
    rate: float
    held_out: float  # mean cross-entropy of unseen sentences' tokens, in nats
    gradient: float  # norm before it was cut to 1
    translation: str


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """English and French sentences, the last of them to measure on."""
    drawn = islice(sentences(1), EXAMPLES + UNSEEN)
    return tuple((sentence.text("en"), sentence.text("fr")) for sentence in drawn)


class Scratch:
    """The network, its data and its optimiser. ValueError for a sentence that it cannot read."""

    def __init__(
        self, translator: Translator, *, shuffled: bool, smoothing: float, sentence: str
    ) -> None:
        self.tokenizer, self.smoothing = translator.tokenizer, smoothing
        self.sentence = translator.encode(sentence, "fr").cpu()  # (1, S)
        self.vocabulary = translator.network.config.vocabulary
        pairs = [encode(self.tokenizer, english, french, "fr") for english, french in texts()]
        if shuffled:
            pairs = shuffle(pairs, torch.Generator().manual_seed(3))
        self.pairs, self.unseen = pairs[:EXAMPLES], pairs[EXAMPLES:]
        self.frequencies = guess(self.pairs, self.unseen, self.vocabulary)
        self.network = build(translator.network.config, seed=1)
        self.optimiser = Adam(self.network.parameters())
        self.random = torch.Generator().manual_seed(2)
        self.losses: list[float] = []  # of the batch before each step
        self.gradient = 0.0

    def step(self, rate: float) -> float:
        """One step on a batch drawn at random; the batch's loss before it, without smoothing."""
        rows = torch.randint(len(self.pairs), (BATCH,), generator=self.random).tolist()
        logits, wanted = self.read([self.pairs[row] for row in rows])
        pad = self.tokenizer.pad
        loss = F.cross_entropy(logits, wanted, ignore_index=pad, label_smoothing=self.smoothing)
        self.losses.append(float(F.cross_entropy(logits.detach(), wanted, ignore_index=pad)))
        self.gradient = self.optimiser.step(loss, rate)
        return self.losses[-1]

    def read(self, pairs: list[Pair]) -> tuple[Tensor, Tensor]:
        """Logits (B*T, V) for the next token, and the tokens (B*T,)."""
        source, target = pad(pairs, self.tokenizer.pad, torch.device("cpu"))  # (B, S), (B, T)
        real = source != self.tokenizer.pad
        logits = self.network(source, target[:, :-1], real=real)  # (B, T - 1, V)
        return logits.flatten(0, 1), target[:, 1:].flatten()

    @torch.no_grad()
    def measure(self, rate: float) -> Measured:
        """Where the run is now."""
        logits, wanted = self.read(self.unseen)
        loss = F.cross_entropy(logits, wanted, ignore_index=self.tokenizer.pad)
        return Measured(len(self.losses), rate, float(loss), self.gradient, self.translate())

    def translate(self) -> str:
        """The sentence as the network translates it now."""
        memory = self.network.encode(self.sentence)  # (1, S, C)
        start = torch.tensor([[self.tokenizer.bos]])
        found = greedy(self.network, start, end=self.tokenizer.eos, source=memory, limit=LONGEST)
        return join(self.tokenizer.decode(found[0].ids), "fr")


def shuffle(pairs: list[Pair], generator: torch.Generator) -> list[Pair]:
    """The pairs with the tokens of all targets, but for beginning and end, in random order."""
    words = torch.tensor([token for _, target in pairs for token in target[1:-1]])
    left = iter(words[torch.randperm(len(words), generator=generator)].tolist())
    return [
        (source, [target[0], *(next(left) for _ in target[1:-1]), target[-1]])
        for source, target in pairs
    ]


def guess(pairs: list[Pair], unseen: list[Pair], vocabulary: int) -> float:
    """The loss, in nats a token of the `unseen` targets, of who has counted how often each token
    comes in `pairs`, each of the `vocabulary` a little more, and knows nothing else."""
    counts = Counter(token for _, target in pairs for token in target[1:])
    total = sum(counts.values()) + MORE * vocabulary
    asked = [token for _, target in unseen for token in target[1:]]
    return -sum(math.log((counts[token] + MORE) / total) for token in asked) / len(asked)
