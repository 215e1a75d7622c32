"""The Transformer: encoder-decoder, encoder-only or decoder-only, from one set of parts.

Tokens become vectors, and those vectors are a stream that runs through all layers. Each sublayer
reads the stream and adds to it: attention moves information between tokens, the feed-forward works
on every token by itself. At the end the stream is compared with each token's embedding: the logits.

Modules compute and remember nothing. Pass `trace={}` to look inside (names in model/trace.py),
`switches` to compute something differently this once, `cache` to decode token by token.

B batch, T tokens, S source tokens, C channels, H heads, D channels a head, V vocabulary.
"""

import math

import torch
from torch import Tensor, nn

from model.attention import Attention, Cache, Call, View
from model.config import AS_TRAINED, Config, Switches
from model.feed_forward import FeedForward
from model.positions import Positions, build_positions
from model.trace import Trace, attention_names, record

NOWHERE = Positions()


class Transformer(nn.Module):
    """The whole network. Vaswani et al. 2017; an encoder alone is BERT, a decoder alone GPT."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embedding = Patches(config) if config.patch else Tokens(config)
        self.encoder = Stack(config, "encoder") if config.encoder_layers else None
        self.decoder = Stack(config, "decoder") if config.decoder_layers else None
        self.output = nn.Linear(config.channels, config.vocabulary, bias=config.head_bias)
        self.apply(initialise)
        if isinstance(self.embedding, Tokens) and config.tied:
            self.output.weight = self.embedding.table.weight  # Press and Wolf 2017

    def forward(
        self,
        tokens: Tensor,
        target: Tensor | None = None,
        *,
        real: Tensor | None = None,
        trace: Trace | None = None,
        switches: Switches = AS_TRAINED,
    ) -> Tensor:
        """Logits (B, T, V) for `tokens` (B, T); with an encoder and a decoder, for `target` (B, T)
        after the source `tokens` (B, S). `real` is True (B, S) where the encoder reads no padding.

        ValueError for a sequence that is empty, too long or holds an id outside the vocabulary.
        """
        if (target is not None) != (self.encoder is not None and self.decoder is not None):
            raise ValueError("a target goes with a source if and only if there are both stacks")
        if self.encoder is None:
            return self.decode(tokens, trace=trace, switches=switches)
        source = self.encode(tokens, real=real, trace=trace, switches=switches)
        if target is None:
            return self.logits(source, trace)
        return self.decode(target, source, real=real, trace=trace, switches=switches)

    def encode(
        self,
        tokens: Tensor,
        *,
        real: Tensor | None = None,
        trace: Trace | None = None,
        switches: Switches = AS_TRAINED,
    ) -> Tensor:
        """The encoder's output (B, S, C) for `tokens` (B, S), or for patches (B, S, patch)."""
        if self.encoder is None:
            raise ValueError("a decoder-only network has nothing to encode with")
        self.check(tokens, switches)
        call = Call(trace=trace, switches=switches)
        output: Tensor = self.encoder(self.embedding(tokens), None, hide_padding(real), call)
        return output

    def decode(
        self,
        tokens: Tensor,
        source: Tensor | None = None,
        *,
        real: Tensor | None = None,
        trace: Trace | None = None,
        switches: Switches = AS_TRAINED,
        cache: Cache | None = None,
    ) -> Tensor:
        """Logits (B, T, V) for `tokens` (B, T) that follow those in `cache`, which takes them in.
        `source` (B, S, C) is the encoder's output, `real` (B, S) as in `forward`."""
        if self.decoder is None:
            raise ValueError("an encoder-only network has nothing to decode with")
        if (source is None) != (self.encoder is None):
            raise ValueError("a decoder reads a source if and only if there is an encoder")
        self.check(tokens, switches, start=cache.length if cache else 0)
        call = Call(trace=trace, switches=switches, cache=cache)
        stream = self.decoder(self.embedding(tokens), source, hide_padding(real), call)
        if cache is not None:
            cache.length += tokens.shape[1]
        return self.logits(stream, trace)

    def logits(self, stream: Tensor, trace: Trace | None = None) -> Tensor:
        """How well each token of the vocabulary fits: (B, T, C) -> (B, T, V)."""
        logits: Tensor = self.output(stream)  # (B, T, C) -> (B, T, V)
        record(trace, "logits", logits)
        return logits

    def check(self, tokens: Tensor, switches: Switches, start: int = 0) -> None:
        """ValueError, with both numbers, for what this network cannot read or has not got."""
        length = start + tokens.shape[1] + (1 if self.config.patch else 0)  # the class token
        if tokens.shape[1] == 0 or length > self.config.limit:
            raise ValueError(f"{length} tokens, where 1 to {self.config.limit} can be read")
        if not self.config.patch:
            low, high = int(tokens.min()), int(tokens.max())
            if low < 0 or high >= self.config.vocabulary:
                raise ValueError(
                    f"token ids {low} to {high}, where the vocabulary has "
                    f"0 to {self.config.vocabulary - 1}"
                )
        named = switches.off | switches.uniform
        modules = attention_names(self.config) if named else []
        for name, head in named:
            if name not in modules or not 0 <= head < self.config.heads:
                raise ValueError(
                    f"no head {head} in {name}: {self.config.heads} heads each in "
                    + ", ".join(modules)
                )


class Stack(nn.Module):
    """An encoder or a decoder: layers that look, and add to the stream, one after another."""

    def __init__(self, config: Config, name: str) -> None:
        super().__init__()
        self.name = name
        decodes = name == "decoder"
        cross = decodes and config.encoder_layers > 0
        depth = config.decoder_layers if decodes else config.encoder_layers
        self.causal = decodes
        self.scale = math.sqrt(config.channels) if config.scale_embedding else 1.0
        self.positions = build_positions(config, both_ways=not decodes)
        self.norm_embedding = build_norm(config) if config.norm_embedding else nn.Identity()
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(Layer(config, f"{name}.{i}", cross=cross) for i in range(depth))
        self.norm = build_norm(config) if config.norm_first else nn.Identity()

    def forward(
        self, embeddings: Tensor, source: Tensor | None, seen: Tensor | None, call: Call
    ) -> Tensor:
        """The stream (B, T, C) after the last layer. `seen` (B, 1, 1, S): no padding there."""
        start = call.cache.length if call.cache else 0
        end = start + embeddings.shape[1]
        positions = self.positions if call.switches.positions else NOWHERE
        places = torch.arange(start, end, device=embeddings.device)  # (T,)
        everywhere = torch.arange(end, device=embeddings.device)  # (S,)
        mask = None if self.causal else seen
        if self.causal and call.switches.mask == "causal":
            mask = everywhere <= places[:, None]  # (T, S)
        view = View(
            places=places,
            mask=mask,
            bias=positions.bias(places, everywhere),
            positions=positions,
        )
        across = View(places=places, mask=seen, positions=NOWHERE)
        stream = positions.embed(embeddings * self.scale, places)  # (B, T, C)
        stream = self.dropout(self.norm_embedding(stream))
        record(call.trace, f"{self.name}.embedding", stream)
        for layer in self.layers:
            stream = layer(stream, source, view, across, call)
        output: Tensor = self.norm(stream)
        record(call.trace, f"{self.name}.output", output)
        return output


class Layer(nn.Module):
    """Self-attention, cross-attention in a decoder that has a source, feed-forward; each adds."""

    def __init__(self, config: Config, name: str, *, cross: bool) -> None:
        super().__init__()
        self.name = name
        self.norm_first = config.norm_first
        self.self_attention = Attention(config, f"{name}.self_attention")
        self.cross_attention = Attention(config, f"{name}.cross_attention") if cross else None
        self.feed_forward = FeedForward(config, f"{name}.feed_forward")
        sublayers = ["self_attention", "cross_attention", "feed_forward"]
        used = [sublayer for sublayer in sublayers if cross or sublayer != "cross_attention"]
        self.norms = nn.ModuleDict({sublayer: build_norm(config) for sublayer in used})
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, stream: Tensor, source: Tensor | None, view: View, across: View, call: Call
    ) -> Tensor:
        """The stream (B, T, C) with what every sublayer added to it."""
        found = self.self_attention(self.before(stream, "self_attention"), None, view, call)
        stream = self.after(stream, found, "self_attention", call)
        if self.cross_attention is not None:
            found = self.cross_attention(
                self.before(stream, "cross_attention"), source, across, call
            )
            stream = self.after(stream, found, "cross_attention", call)
        thought = self.feed_forward(self.before(stream, "feed_forward"), call.trace)
        return self.after(stream, thought, "feed_forward", call)

    def before(self, stream: Tensor, sublayer: str) -> Tensor:
        """What a sublayer reads: the stream (B, T, C), normalised where the norm comes first."""
        normalised: Tensor = self.norms[sublayer](stream) if self.norm_first else stream
        return normalised

    def after(self, stream: Tensor, found: Tensor, sublayer: str, call: Call) -> Tensor:
        """The stream (B, T, C) once a sublayer has added what it `found`."""
        found = self.dropout(found)
        stream = stream + found if call.switches.residual else found
        stream = stream if self.norm_first else self.norms[sublayer](stream)
        record(call.trace, f"{self.name}.residual.{sublayer}", stream)
        return stream


class Tokens(nn.Module):
    """A vector for every token of the vocabulary: (B, T) -> (B, T, C)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.table = nn.Embedding(config.vocabulary, config.channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """The vectors (B, T, C) of `tokens` (B, T)."""
        vectors: Tensor = self.table(tokens)  # (B, T) -> (B, T, C)
        return vectors


class Patches(nn.Module):
    """A picture's patches, each a token, after a token of no patch that comes to stand for the
    class: (B, S, patch) -> (B, 1 + S, C). Dosovitskiy et al. 2021 (ViT)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.project = nn.Linear(config.patch, config.channels)
        self.first = nn.Parameter(torch.zeros(config.channels))

    def forward(self, patches: Tensor) -> Tensor:
        """The vectors (B, 1 + S, C) of the class token and of `patches` (B, S, patch)."""
        vectors: Tensor = self.project(patches)  # (B, S, patch) -> (B, S, C)
        first = self.first.expand(len(vectors), 1, -1)  # (C,) -> (B, 1, C)
        return torch.cat((first, vectors), dim=1)  # (B, 1 + S, C)


def build_norm(config: Config) -> nn.Module:
    """LayerNorm: mean 0, variance 1 over a token's channels, then a trained scale and shift (Ba et
    al. 2016). RMSNorm: root mean square 1, then a scale (Zhang and Sennrich 2019)."""
    build = nn.LayerNorm if config.norm == "layer" else nn.RMSNorm
    return build(config.channels, eps=config.norm_epsilon)


def hide_padding(real: Tensor | None) -> Tensor | None:
    """Which keys every query may see, the same for all heads: (B, S) -> (B, 1, 1, S)."""
    return None if real is None else real[:, None, None, :]  # (B, S) -> (B, 1, 1, S)


def initialise(module: nn.Module) -> None:
    """Small embeddings, so that to an untrained network every token is about as likely as another;
    linear maps that keep the variance (Glorot and Bengio 2010)."""
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
