"""The pair classifier: does a passage make a claim, deny it, or do neither?

MiniLM's layers read claim and passage together, "[CLS] claim [SEP] passage [SEP] what came before
[SEP]". Every token is also told where it stands and whether the other side has the same word, or
its counterpart (increase and decrease, encoder and decoder): what a small model overlooks. Two
readers have learnt this apart, and err apart: what matters is read by both. Weights of their six
layers are our own; vocabulary and positions stay MiniLM's and are read from its package.

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
MADE, DENIED, NEITHER = range(len(LABELS))
CLAIM, PASSAGE, BEFORE = range(3)  # where a token stands
ALONE, SHARED, COUNTERED, DENYING = range(4)  # what the other side has to it
LONGEST = {CLAIM: 48, PASSAGE: 64, BEFORE: 20}  # tokens
READERS = 2
GAIN = 8.0  # what begins at nothing learns so much faster than what MiniLM has learned
START, END = 101, 102  # [CLS], [SEP]
SCALES = ".scales"  # of the rows of a matrix, beside it in the file
SMALLEST = 1e-6  # of these, where a row is nothing but zeros
ONE = torch.ones(())
TINY = replace(CONFIG, vocabulary=1, encoder_layers=1, channels=12, hidden=12, limit=1)  # replaced


class Pair(NamedTuple):
    """A claim, and a passage that may make it, after what was said before the passage."""

    claim: str
    passage: str
    before: str = ""


class Reader(nn.Module):
    """MiniLM's encoder with marked tokens and three logits for an output. Layers of its own;
    the positions and their norm are MiniLM's."""

    def __init__(self, minilm: Stack) -> None:
        super().__init__()
        self.encoder = Stack(CONFIG, "encoder")
        self.encoder.positions = minilm.positions
        self.encoder.norm_embedding = minilm.norm_embedding
        self.marks = nn.Embedding(3 * 4, CONFIG.channels)
        self.decide = nn.Linear(5 * CONFIG.channels, len(LABELS))
        nn.init.zeros_(self.marks.weight)
        nn.init.zeros_(self.decide.weight)

    def forward(self, vectors: Tensor, real: Tensor, marks: Tensor) -> Tensor:
        """Logits (B, 3) of pairs whose tokens' `vectors` are (B, S, C), where these are `real`."""
        stream = vectors + GAIN * self.marks(marks)  # (B, S) -> (B, S, C)
        states = self.encoder(stream, None, hide_padding(real), Call())
        places = marks // 4
        claim = mean_where(states, real & (places == CLAIM))  # (B, S, C) -> (B, C)
        passage = mean_where(states, real & (places == PASSAGE))  # (B, S, C) -> (B, C)
        parts = (states[:, 0], claim, passage, (claim - passage).abs(), claim * passage)
        logits: Tensor = GAIN * self.decide(torch.cat(parts, dim=-1))  # (B, 5C) -> (B, 3)
        return logits


class PairClassifier(Transformer):
    """Readers that share `minilm`'s embeddings, and nothing else."""

    def __init__(self, minilm: SentenceEncoder) -> None:
        super().__init__(TINY)
        self.config = CONFIG
        shared = minilm.network
        assert shared.encoder is not None
        self.embedding, self.output, self.encoder = shared.embedding, shared.output, None
        self.readers = nn.ModuleList(Reader(shared.encoder) for _ in range(READERS))

    def classify(self, ids: Tensor, marks: Tensor, reader: int) -> Tensor:
        """Logits (B, 3), in the order of LABELS, of pairs (B, S) padded with id 0."""
        logits: Tensor = self.readers[reader](self.embedding(ids), ids > 0, marks)
        return logits

    def stacks(self) -> list[Stack]:
        """The layers of each reader."""
        return [reader.encoder for reader in self.readers if isinstance(reader, Reader)]

    def own(self) -> dict[str, Tensor]:
        """The weights that are not MiniLM's, by name."""
        shared = re.compile(r"embedding\.|output\.|.*\.encoder\.(positions|norm_embedding)\.")
        return {name: w for name, w in self.state_dict().items() if not shared.match(name)}


def mean_where(states: Tensor, chosen: Tensor) -> Tensor:
    """The mean of the chosen tokens' states: (B, S, C), (B, S) -> (B, C)."""
    weights = chosen.to(states.dtype)[:, :, None]  # (B, S) -> (B, S, 1)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)  # -> (B, C)


def start_from(minilm: SentenceEncoder) -> PairClassifier:
    """An untrained classifier that begins as MiniLM; its own weights can have gradients."""
    classifier = PairClassifier(minilm)
    assert minilm.network.encoder is not None
    layers = minilm.network.encoder.layers.state_dict()
    for stack in classifier.stacks():
        stack.layers.load_state_dict(layers)
    return classifier


class Words:
    """Texts as tokens of MiniLM's vocabulary, each with the stem of its word."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.read = lru_cache(maxsize=20_000)(self.read_once)

    def read_once(self, text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """The ids of a text, and for each the stem of the word that it is or belongs to."""
        encoding = self.tokenizer.encode(plain(text), add_special_tokens=False)
        words: list[str] = []
        places: list[int] = []  # of each token: which word
        for token in encoding.tokens:
            if token.startswith("##") and words:
                words[-1] += token.removeprefix("##")
            else:
                words.append(token)
            places.append(len(words) - 1)
        stems = [stem(word) for word in words]
        return tuple(encoding.ids), tuple(stems[place] for place in places)

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
    def weigh(self, pairs: Sequence[Pair], reader: int = 0) -> Tensor:
        """One reader's log-probabilities (N, 3), in the order of LABELS."""
        device = next(self.network.parameters()).device
        ids, marks = self.words.batch(pairs)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_fast_halves(device)):
            logits = self.network.classify(ids.to(device), marks.to(device), reader)
        return F.log_softmax(logits.float(), dim=-1).cpu()


def keep_halves(stack: Stack) -> None:
    """Keep the weights of an encoder's products in bfloat16; else autocast makes them so for every
    product anew."""
    for module in stack.modules():
        if isinstance(module, nn.Linear):
            module.to(torch.bfloat16)


def has_fast_halves(device: torch.device) -> bool:
    """Whether products in bfloat16 are faster there than in float32."""
    return device.type == "cuda" or bool(torch.cpu._is_avx512_bf16_supported())


def save_pairs(path: Path, classifier: PairClassifier) -> None:
    """Write the weights that are not MiniLM's, matrices in eight bits; a reader never sees half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    tensors: dict[str, Tensor] = {}
    for name, weights in classifier.own().items():
        weights = weights.detach().cpu()
        if weights.ndim == 2:
            tensors[name], tensors[name + SCALES] = quantise(weights)
        else:
            tensors[name] = weights.half()
    save_file(tensors, str(partial))
    partial.chmod(0o644)  # safetensors writes for the owner alone
    partial.replace(path)


def quantise(weights: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix (N, M) as integers from -127 to 127 and a scale (N, 1) for each row."""
    scales = (weights.abs().amax(dim=1, keepdim=True) / 127).half().clamp(min=SMALLEST)
    return (weights / scales.float()).round().clamp(-127, 127).to(torch.int8), scales


def load_pairs(
    path: Path, minilm: SentenceEncoder, device: torch.device | str = "cpu"
) -> PairReader:
    """The classifier in `path`, over `minilm`, ready to read. CheckpointError names a file that is
    missing or damaged."""
    classifier = load_classifier(path, minilm).requires_grad_(False).eval().to(device)
    if has_fast_halves(torch.device(device)):
        for stack in classifier.stacks():
            keep_halves(stack)
    return PairReader(classifier, Words(minilm.tokenizer))


def load_classifier(path: Path, minilm: SentenceEncoder) -> PairClassifier:
    """The classifier in `path`, in float32."""
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: `make train NAME={path.stem}` makes it anew")
    classifier = PairClassifier(minilm)
    try:
        tensors = load_file(path)
        scales = {n.removesuffix(SCALES): tensors.pop(n) for n in [*tensors] if n.endswith(SCALES)}
        whole = {name for name, weights in tensors.items() if weights.dtype == torch.int8}
        wrong = tensors.keys() ^ classifier.own().keys() | whole ^ scales.keys()
        if wrong:
            raise ValueError(f"{len(wrong)} weights are missing or unknown, such as {min(wrong)}")
        weights = {n: w.float() * scales.get(n, ONE).float() for n, w in tensors.items()}
        classifier.load_state_dict(weights, strict=False)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    return classifier
