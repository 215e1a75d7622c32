"""What a network is (`Config`, fixed when it is built) and what one call changes (`Switches`).

One implementation covers every model of the project because the choices are few and independent:
how many layers on either side, which norm and where, which activation, how order enters.
"""

from dataclasses import dataclass
from typing import Literal

Activation = Literal["relu", "gelu", "gelu_tanh", "swiglu"]
Norm = Literal["layer", "rms"]
PositionKind = Literal["sinusoidal", "learned", "rope", "alibi", "relative", "none"]


@dataclass(frozen=True, kw_only=True)
class Config:
    """The shape of a Transformer: an encoder, a decoder, or one that reads the other.

    `vocabulary` is also the number of classes where the input is patches (`patch` numbers each).
    """

    vocabulary: int
    encoder_layers: int = 0
    decoder_layers: int = 0
    channels: int = 128
    heads: int = 4
    key_heads: int | None = None  # fewer than heads: grouped-query attention; 1: multi-query
    hidden: int = 512
    activation: Activation = "gelu"
    norm: Norm = "layer"
    norm_first: bool = True  # pre-norm; False is the post-norm of the 2017 paper
    norm_embedding: bool = False  # BERT and BART normalise the embeddings too
    norm_epsilon: float = 1e-5
    bias: bool = True
    positions: PositionKind = "sinusoidal"
    limit: int = 64  # the most tokens one sequence may have
    rope_base: float = 10_000.0
    buckets: int = 32  # relative positions: how many distances are told apart
    far: int = 128  # relative positions: from this distance on, all are one
    scale: bool = True  # scores divided by sqrt(D); T5 folds it into its weights instead
    scale_embedding: bool = False  # embeddings times sqrt(C), as in the 2017 paper, section 3.4
    tied: bool = True  # the output layer is the embedding, transposed
    head_bias: bool = False
    dropout: float = 0.0
    patch: int = 0  # above 0: the input is patches of so many numbers, not tokens

    def __post_init__(self) -> None:
        if self.channels % self.heads:
            raise ValueError(f"{self.channels} channels do not split into {self.heads} heads")
        if self.heads % self.grouped_heads:
            raise ValueError(f"{self.heads} heads do not share {self.grouped_heads} key heads")
        if self.positions == "rope" and self.width % 2:
            raise ValueError(f"RoPE turns pairs of channels: a head of {self.width} has an odd one")
        if self.encoder_layers + self.decoder_layers < 1:
            raise ValueError("a Transformer needs a layer: encoder_layers and decoder_layers are 0")
        if self.patch and (self.tied or not self.encoder_layers or self.decoder_layers):
            raise ValueError("patches need an encoder alone and an output layer of its own")

    @property
    def grouped_heads(self) -> int:
        """How many key and value heads there are; each serves heads / grouped_heads queries."""
        return self.heads if self.key_heads is None else self.key_heads

    @property
    def width(self) -> int:
        """D, the channels of one head."""
        return self.channels // self.heads


HeadName = tuple[str, int]
"""A head by its module's name and its number: `("decoder.1.cross_attention", 3)`."""


@dataclass(frozen=True, kw_only=True)
class Switches:
    """What one call computes differently; the network itself is left as it is."""

    mask: Literal["causal", "none"] = "causal"  # of the decoder's self-attention
    scale: bool = True
    positions: bool = True
    residual: bool = True
    off: frozenset[HeadName] = frozenset()  # these heads add nothing to the output
    uniform: frozenset[HeadName] = frozenset()  # these attend to all that they may see equally


AS_TRAINED = Switches()
