"""Weights on disk: one safetensors file for each model, with its configuration, its tokenizer and
what it was trained on in the header. `Models` opens each when it is first asked for.

    CheckpointError(Exception)   a weight file is missing, damaged or not of this project
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_model, save_model
from torch import Tensor

from model.config import Config, PositionKind
from model.tokenizer import Tokenizer
from model.transformer import Transformer

if TYPE_CHECKING:
    from model.pairs import PairReader
    from model.pretrained import SentenceEncoder
    from model.translator import Translator

T = TypeVar("T")
WEIGHTS = Path(__file__).parent / "weights"


class CheckpointError(Exception):
    """A weight file cannot be used; the message names it and says what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained network and all that is needed to use it."""

    network: Transformer
    tokenizer: Tokenizer | None
    details: dict[str, Any]  # what the training wanted to be remembered


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write the network's weights, and everything else in the header; a reader never sees half."""
    tokenizer = checkpoint.tokenizer
    header = {
        "config": json.dumps(asdict(checkpoint.network.config)),
        "tokenizer": tokenizer.dump() if tokenizer else "",
        "special": json.dumps(tokenizer.special if tokenizer else []),
        "details": json.dumps(checkpoint.details, ensure_ascii=False),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_model(checkpoint.network, str(partial), metadata=header)
    partial.chmod(0o644)  # safetensors writes for the owner alone
    partial.replace(path)


def load(path: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """The checkpoint in `path`, ready to use on `device`; CheckpointError names the file."""
    if not path.is_file():
        name = path.stem
        raise CheckpointError(f"{path} is missing: `make train NAME={name}` makes it anew")
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata()
        network = Transformer(Config(**json.loads(header["config"])))
        load_model(network, path, device="cpu")
        special = tuple(json.loads(header["special"]))
        tokenizer = Tokenizer.load(header["tokenizer"], special) if header["tokenizer"] else None
        details = json.loads(header["details"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    network.requires_grad_(False)
    return Checkpoint(network.eval().to(device), tokenizer, details)


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name`: auto takes CUDA, then MPS, then the CPU. ValueError if absent."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next((device for device, there in present.items() if there), "cpu")
    if name not in ("cpu", *present) or not present.get(name, True):
        raise ValueError(f"no device {name} here: choose auto, cpu, cuda or mps, as present")
    return torch.device(name)


class Models:
    """The trained models, each loaded once, when it is first used; threads may share them."""

    def __init__(self, folder: Path = WEIGHTS, device: str = "cpu") -> None:
        self.folder, self.device = folder, choose_device(device)
        self.loaded: dict[str, Any] = {}
        self.lock = RLock()

    @property
    def translator(self) -> "Translator":
        """English to and from French and Spanish."""
        from model.translator import Translator

        return self.once("translator", lambda: Translator(self.read("translator")))

    @property
    def lm(self) -> Checkpoint:
        """The decoder-only language model."""
        return self.once("lm", lambda: self.read("lm"))

    @property
    def mlm(self) -> Checkpoint:
        """The encoder-only model of masked words."""
        return self.once("mlm", lambda: self.read("mlm"))

    @property
    def vit(self) -> Checkpoint:
        """The encoder-only reader of handwritten digits."""
        return self.once("vit", lambda: self.read("vit"))

    def length(self, scheme: PositionKind) -> Checkpoint:
        """The decoder with positions of this kind, trained on short texts alone."""
        name = f"length-{scheme}"
        return self.once(name, lambda: self.read(name))

    @property
    def minilm(self) -> "SentenceEncoder":
        """The pretrained sentence encoder, from its own package."""
        from model.pretrained import load_minilm

        return self.once("minilm", lambda: load_minilm(self.device))

    @property
    def pairs(self) -> "PairReader":
        """The grader's classifier of claims and passages, over MiniLM's vocabulary."""
        from model.pairs import load_pairs

        return self.once(
            "grader",
            lambda: load_pairs(self.folder / "grader.safetensors", self.minilm, self.device),
        )

    @property
    def proposals(self) -> Tensor:
        """What chooses the sentences that the classifier reads: a matrix (C, C)."""
        from model.proposals import load_proposals

        path = self.folder / "proposals.safetensors"
        return self.once("proposals", lambda: load_proposals(path))

    def read(self, name: str) -> Checkpoint:
        """The checkpoint called `name`."""
        return load(self.folder / f"{name}.safetensors", self.device)

    def once(self, name: str, build: Callable[[], T]) -> T:
        """What `build` made the first time; as weights that can have gradients, even where the
        caller computes without."""
        with self.lock, torch.inference_mode(False):
            if name not in self.loaded:
                self.loaded[name] = build()
            found: T = self.loaded[name]
            return found
