"""One sentence read by one of the live models, for a look at any of its heads.

Three models, one shape: tokens that ask, tokens that are read, every pattern of the
chosen kind of attention, and what came out in the end.

B batch, H heads, T tokens that ask, S tokens that are read, D channels a head.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from app.labs.illustration import UnfitInput
from app.labs.parts.translation import translate
from model.checkpoint import Models
from model.config import Switches
from model.pretrained import pool
from model.trace import Trace
from model.transformer import Transformer

Reader = Literal["minilm", "translator-encoder", "translator-decoder", "cross-attention", "lm"]
READERS: dict[Reader, str] = {
    "minilm": "MiniLM, encoder",
    "translator-encoder": "translator, encoder",
    "translator-decoder": "translator, decoder",
    "cross-attention": "translator, cross-attention",
    "lm": "language model, decoder",
}
TRANSLATION: tuple[Reader, ...] = (
    "translator-encoder",
    "translator-decoder",
    "cross-attention",
)
MODULES: dict[Reader, str] = {
    "minilm": "encoder.{}.self_attention",
    "translator-encoder": "encoder.{}.self_attention",
    "translator-decoder": "decoder.{}.self_attention",
    "cross-attention": "decoder.{}.cross_attention",
    "lm": "decoder.{}.self_attention",
}


@dataclass(frozen=True)
class Look:
    """A sentence as one model read it, under some switches."""

    reader: Reader
    asking: list[str]  # T tokens
    asked: list[str]  # S tokens
    trace: Trace
    outcome: Tensor  # what the model makes of it: see `compare`
    says: str
    is_cut: bool = False  # the model reads no more than it has read

    def module(self, layer: int) -> str:
        """The name of the chosen kind of attention in layer 1, 2, ..."""
        return MODULES[self.reader].format(layer - 1)

    def patterns(self, layers: int) -> Tensor:
        """All patterns of the chosen kind, (L, H, T, S)."""
        return torch.stack(
            [self.trace[f"{self.module(layer)}.pattern"][0] for layer in range(1, layers + 1)]
        )

    @property
    def is_causal(self) -> bool:
        return self.reader in ("translator-decoder", "lm")


def network_of(reader: Reader, models: Models) -> Transformer:
    if reader == "minilm":
        return models.minilm.network
    return models.lm.network if reader == "lm" else models.translator.network


def depth(reader: Reader, models: Models) -> int:
    """How many layers have the kind of attention that is looked at."""
    config = network_of(reader, models).config
    return config.encoder_layers if "encoder" in MODULES[reader] else config.decoder_layers


def look(reader: Reader, sentence: str, models: Models, switches: Switches) -> Look:
    """Read `sentence`. Raises UnfitInput where the model cannot."""
    if not sentence.strip():
        raise UnfitInput("There is nothing to read: type a sentence.")
    if reader == "minilm":
        return _by_minilm(sentence, models, switches)
    if reader == "lm":
        return _by_lm(sentence, models, switches)
    return _by_translator(reader, sentence, models, switches)


def _by_minilm(sentence: str, models: Models, switches: Switches) -> Look:
    encoder = models.minilm
    ids, real = encoder.encode([sentence])  # (1, T)
    tokens = [str(encoder.tokenizer.id_to_token(i)) for i in ids[0].tolist()]
    trace: Trace = {}
    states = encoder.network.encode(ids, real=real, trace=trace, switches=switches)  # (1, T, C)
    vector = pool(states, real)[0]  # (C,)
    is_cut = bool(encoder.tokenizer.encode(sentence).overflowing)
    return Look("minilm", tokens, tokens, trace, vector, "a vector of 384 numbers", is_cut)


def _by_lm(sentence: str, models: Models, switches: Switches) -> Look:
    network, tokenizer = models.lm.network, models.lm.tokenizer
    assert tokenizer is not None
    ids = [tokenizer.bos, *tokenizer.encode(sentence)]
    if len(ids) > network.config.limit:
        raise UnfitInput(
            f"The text has {len(ids)} tokens; the language model reads up to "
            f"{network.config.limit}."
        )
    trace: Trace = {}
    logits = network(torch.tensor([ids]), trace=trace, switches=switches)[0, -1]  # (V,)
    likely = logits.softmax(dim=-1).topk(3)
    guesses = ", ".join(
        f"“{tokenizer.piece(int(token)).removeprefix('·')}” {float(share):.2f}"
        for share, token in zip(likely.values, likely.indices, strict=True)
    )
    tokens = tokenizer.pieces(ids)
    return Look("lm", tokens, tokens, trace, logits.softmax(dim=-1), f"next: {guesses}")


def _by_translator(reader: Reader, sentence: str, models: Models, switches: Switches) -> Look:
    translation = translate(sentence, models)
    network = models.translator.network
    trace: Trace = {}
    logits = network(
        translation.source_ids, translation.target_ids, trace=trace, switches=switches
    )[0]  # (T, V)
    chosen = models.translator.tokenizer.pieces(logits.argmax(dim=-1).tolist())
    asking, asked = {
        "translator-encoder": (translation.source_tokens, translation.source_tokens),
        "translator-decoder": (translation.target_tokens, translation.target_tokens),
        "cross-attention": (translation.output_tokens, translation.source_tokens),
    }[reader]
    return Look(reader, asking, asked, trace, logits.softmax(dim=-1), f"“{' '.join(chosen)}”")


def compare(plain: Look, switched: Look) -> str:
    """How far the switches moved what the model makes of the sentence, in its own terms."""
    if plain.reader == "minilm":
        likeness = float(F.cosine_similarity(plain.outcome, switched.outcome, dim=0))
        return f"the sentence's vector keeps a cosine of {likeness:.3f} with what it was"
    moved = float((plain.outcome - switched.outcome).abs().sum(dim=-1).max() / 2)
    return (
        f"token by token the model now puts out {switched.says}, before {plain.says}; "
        f"up to {moved:.2f} of a distribution has moved"
    )
