"""The pair classifier: does a passage make a claim, deny it, or do neither?

MiniLM's layers read claim and passage together, "[CLS] claim [SEP] passage [SEP] what came before
[SEP]". Every token is also told where it stands and whether the other side has the same word, or
its counterpart (increase and decrease, encoder and decoder): what a small model overlooks. Weights
of the six layers are our own; vocabulary and positions stay MiniLM's and are read from its package.

B batch, S tokens of a pair, C channels.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from model.attention import Call
from model.checkpoint import CheckpointError
from model.pretrained import CONFIG, SentenceEncoder
from model.transformer import Stack, Transformer, hide_padding
from model.wording import COUNTERPARTS, DENIALS, IDLE, plain, stem

LABELS = ("made", "denied", "neither")
CLAIM, PASSAGE, BEFORE = range(3)  # where a token stands
ALONE, SHARED, COUNTERED, DENYING = range(4)  # what the other side has to it
LONGEST = {CLAIM: 48, PASSAGE: 64, BEFORE: 20}  # tokens
GAIN = 8.0  # what begins at nothing learns so much faster than what MiniLM has learned
START, END = 101, 102  # [CLS], [SEP]
TINY = replace(CONFIG, vocabulary=1, encoder_layers=1, channels=12, hidden=12, limit=1)  # replaced


class Pair(NamedTuple):
    """A claim, and a passage that may make it, after what was said before the passage."""

    claim: str
    passage: str
    before: str = ""


class PairClassifier(Transformer):
    """MiniLM's encoder with marked tokens and three logits for an output. Layers of its own;
    `minilm`'s vocabulary and positions."""

    def __init__(self, minilm: SentenceEncoder) -> None:
        super().__init__(TINY)
        self.config = CONFIG
        shared = minilm.network
        assert shared.encoder is not None
        self.embedding, self.output = shared.embedding, shared.output
        self.encoder = Stack(CONFIG, "encoder")
        self.encoder.positions = shared.encoder.positions
        self.encoder.norm_embedding = shared.encoder.norm_embedding
        self.marks = nn.Embedding(3 * 4, CONFIG.channels)
        self.decide = nn.Linear(5 * CONFIG.channels, len(LABELS))
        nn.init.zeros_(self.marks.weight)
        nn.init.zeros_(self.decide.weight)

    def classify(self, ids: Tensor, marks: Tensor) -> Tensor:
        """Logits (B, 3), in the order of LABELS, of pairs (B, S) padded with id 0."""
        assert self.encoder is not None
        real = ids > 0
        vectors = self.embedding(ids) + GAIN * self.marks(marks)  # (B, S) -> (B, S, C)
        states = self.encoder(vectors, None, hide_padding(real), Call())
        places = marks // 4
        claim = mean_where(states, real & (places == CLAIM))  # (B, S, C) -> (B, C)
        passage = mean_where(states, real & (places == PASSAGE))  # (B, S, C) -> (B, C)
        parts = (states[:, 0], claim, passage, (claim - passage).abs(), claim * passage)
        logits: Tensor = GAIN * self.decide(torch.cat(parts, dim=-1))  # (B, 5C) -> (B, 3)
        return logits

    def own(self) -> dict[str, Tensor]:
        """The weights that are not MiniLM's, by name."""
        shared = ("embedding.", "output.", "encoder.positions.", "encoder.norm_embedding.")
        return {name: w for name, w in self.state_dict().items() if not name.startswith(shared)}


def mean_where(states: Tensor, chosen: Tensor) -> Tensor:
    """The mean of the chosen tokens' states: (B, S, C), (B, S) -> (B, C)."""
    weights = chosen.to(states.dtype)[:, :, None]  # (B, S) -> (B, S, 1)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)  # -> (B, C)


def start_from(minilm: SentenceEncoder) -> PairClassifier:
    """An untrained classifier that begins as MiniLM; its own weights can have gradients."""
    classifier = PairClassifier(minilm)
    theirs = minilm.network.state_dict()
    layers = {name: weights for name, weights in theirs.items() if ".layers." in name}
    classifier.load_state_dict(layers, strict=False)
    return classifier


class Words:
    """Texts as tokens of MiniLM's vocabulary, each with the stem of its word."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.read = lru_cache(maxsize=20_000)(self.read_once)

    def read_once(self, text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """The ids of a text, and for each the stem of the word that it is or belongs to."""
        encoding = self.tokenizer.encode(plain(text), add_special_tokens=False)
        stems: list[str] = []
        for token in encoding.tokens:
            stems.append(stem(token) if not token.startswith("##") else token)
        return tuple(encoding.ids), tuple(stems)

    def join(self, pair: Pair) -> tuple[list[int], list[int]]:
        """Ids and marks of a pair."""
        (claim, claim_stems), (passage, stems) = self.read(pair.claim), self.read(pair.passage)
        claim, passage = claim[: LONGEST[CLAIM]], passage[: LONGEST[PASSAGE]]
        before = self.read(pair.before)[0][-LONGEST[BEFORE] :] if pair.before else ()
        sides = set(claim_stems), set(stems)
        ids = [START, *claim, END, *passage, END]
        marks = [0, *(4 * CLAIM + mark(word, *sides) for word in claim_stems[: len(claim)]), 0]
        marks += [4 * PASSAGE + mark(word, *sides[::-1]) for word in stems[: len(passage)]]
        marks += [4 * BEFORE]
        if before:
            ids += [*before, END]
            marks += [4 * BEFORE] * (len(before) + 1)
        return ids, marks

    def batch(self, pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
        """Ids and marks (B, S) of pairs, padded."""
        rows = [self.join(pair) for pair in pairs]
        longest = max(len(ids) for ids, _ in rows)
        ids = torch.tensor([row + [0] * (longest - len(row)) for row, _ in rows])
        marks = torch.tensor([row + [0] * (longest - len(row)) for _, row in rows])
        return ids, marks


def mark(word: str, mine: set[str], others: set[str]) -> int:
    """What the other side has to this word of mine."""
    if word in DENIALS:
        return DENYING
    if word in IDLE or not re.search(r"\w", word):
        return ALONE
    if word in others:
        return SHARED
    counterparts = COUNTERPARTS.get(word, frozenset())
    return COUNTERED if any(c in others and c not in mine for c in counterparts) else ALONE


@dataclass(frozen=True)
class PairReader:
    """A trained classifier, ready to weigh pairs."""

    network: PairClassifier
    words: Words

    @torch.inference_mode()
    def weigh(self, pairs: Sequence[Pair]) -> Tensor:
        """Log-probabilities (N, 3), in the order of LABELS."""
        device = self.network.decide.weight.device
        ids, marks = self.words.batch(pairs)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_fast_halves(device)):
            logits = self.network.classify(ids.to(device), marks.to(device))
        return F.log_softmax(logits.float(), dim=-1).cpu()


def keep_halves(network: Transformer) -> None:
    """Keep the weights of the encoder's products in bfloat16; else autocast makes them so for every
    product anew."""
    assert network.encoder is not None
    for module in network.encoder.modules():
        if isinstance(module, nn.Linear):
            module.to(torch.bfloat16)


def has_fast_halves(device: torch.device) -> bool:
    """Whether products in bfloat16 are faster there than in float32."""
    return device.type == "cuda" or bool(torch.cpu._is_avx512_bf16_supported())


def save_pairs(path: Path, classifier: PairClassifier) -> None:
    """Write the weights that are not MiniLM's, in float16; a reader never sees half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    halves = {
        name: w.detach().to("cpu", torch.float16).contiguous()
        for name, w in classifier.own().items()
    }
    save_file(halves, str(partial))
    partial.chmod(0o644)  # safetensors writes for the owner alone
    partial.replace(path)


def load_pairs(
    path: Path, minilm: SentenceEncoder, device: torch.device | str = "cpu"
) -> PairReader:
    """The classifier in `path`, over `minilm`, ready to read. CheckpointError names a file that is
    missing or damaged."""
    classifier = load_classifier(path, minilm).requires_grad_(False).eval().to(device)
    if has_fast_halves(torch.device(device)):
        keep_halves(classifier)
    return PairReader(classifier, Words(minilm.tokenizer))


def load_classifier(path: Path, minilm: SentenceEncoder) -> PairClassifier:
    """The classifier in `path`, in float32."""
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: `make train NAME={path.stem}` makes it anew")
    classifier = PairClassifier(minilm)
    try:
        halves = load_file(path)
        wrong = halves.keys() ^ classifier.own().keys()
        if wrong:
            raise ValueError(f"{len(wrong)} weights are missing or unknown, such as {min(wrong)}")
        classifier.load_state_dict({n: w.float() for n, w in halves.items()}, strict=False)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    return classifier
