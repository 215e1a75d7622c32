"""Positional encoding: what each scheme knows of order.

Attention compares contents, not places: give the same words in another order and, without
positions, each output is what it was. Every scheme notices, in its own way; see what it puts in.
A causal mask tells order too, with no positions at all. A sentence read backwards escapes ALiBi.
The learned table keeps none of the rules of the fixed schemes.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from app.labs.illustration import Illustration, LabParams, Prediction, Table, UnfitInput
from app.labs.parts.scheme_checks import order_noticed
from app.labs.parts.scheme_figures import numbers, words_moved
from app.labs.parts.scheme_views import Subject, compare, follow, put_in, rotate
from app.labs.parts.schemes import BUCKETS, LIMIT, NAMES, PAIRS, WAYS, WITH_VECTORS, minilm
from model.checkpoint import Models
from model.config import Config, PositionKind
from model.trace import Trace
from model.transformer import Transformer

MOST = 24  # tokens
View = Literal["shuffle", "matrix", "distance", "wave", "rotation"]
VIEWS = {
    "shuffle": "words in another order",
    "matrix": "what it puts in",
    "distance": "similarity over distance",
    "wave": "one wave",
    "rotation": "one pair turning",
}
ASIDE = {"aside": True}


class Params(LabParams):
    view: Annotated[
        View,
        Field(
            title="Look at",
            description="Words in another order, or how one scheme works.",
            json_schema_extra={"labels": VIEWS},
        ),
    ] = "shuffle"
    scheme: Annotated[
        PositionKind,
        Field(
            title="Scheme",
            description="How the model is told where a token stands.",
            json_schema_extra={"labels": dict(NAMES)},
        ),
    ] = "sinusoidal"
    sentence: Annotated[
        str,
        Field(title="Words to reorder", description="English, up to 24 tokens.", max_length=300),
    ] = "The dog bites the man."
    pair: Annotated[
        int,
        Field(title="Pair (or head)", description="Of channels; ALiBi's head.", ge=1, le=PAIRS),
    ] = 5
    offset: Annotated[
        int, Field(title="Offset", description="Positions from query to key.", ge=1, le=64)
    ] = 4
    order: Annotated[
        Literal["shuffled", "reversed"],
        Field(title="Order", description="How the words are reordered.", json_schema_extra=ASIDE),
    ] = "shuffled"
    mask: Annotated[
        Literal["none", "causal"],
        Field(
            title="Mask",
            description="Of the network that reads the words. Causal: no token sees a later one.",
            json_schema_extra=ASIDE,
        ),
    ] = "none"
    positions: Annotated[
        int,
        Field(
            title="Positions", description="Length shown.", ge=8, le=256, json_schema_extra=ASIDE
        ),
    ] = 64


PREDICT = Prediction(
    "The same words come in another order. How many of them does the network, under this scheme, "
    "put out otherwise than before?",
    ("None.", "Some.", "All."),
)


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    subject = Subject(params.scheme, params.pair, params.offset, params.positions)
    match params.view:
        case "shuffle":
            return _reorder(params, models)
        case "matrix":
            return put_in(subject, models)
        case "distance":
            return compare(subject, models)
        case "wave":
            if params.scheme in WITH_VECTORS:
                return follow(subject, models)
            note = "There is no wave in this scheme; what it adds to a score is shown instead."
            return replace(compare(subject, models), notes=(note,))
        case "rotation":
            return rotate(subject, models)


def _reorder(params: Params, models: Models) -> Illustration:
    read = minilm(models).tokenizer.encode(params.sentence, add_special_tokens=False)
    ids, tokens = torch.tensor(read.ids), read.tokens
    if not 3 <= len(ids) <= MOST or len(set(read.ids)) < 2:
        raise UnfitInput(
            f"The sentence has {len(ids)} tokens, {len(set(read.ids))} of them different; "
            f"write 3 to {MOST} of them, at least 2 different, please."
        )
    order = _order(ids, params.order)
    moved = changes(ids, order, models, causal=params.mask == "causal")
    named = {NAMES[scheme]: change for scheme, change in moved.items()}
    return Illustration(
        figures=(words_moved(named, tokens, order.tolist(), NAMES[params.scheme]),),
        reading=_reading(params.scheme, moved, tokens, order),
        checks=order_noticed(params.scheme, moved),
        table=Table(
            ("scheme", *tokens),
            tuple((name, *numbers(change)) for name, change in named.items()),
        ),
        notes=(
            "The network is untrained: one set of random weights for all rows, with MiniLM's word "
            "vectors and learned positions. Whether a row is 0 is the scheme's doing; how large "
            "it is says little.",
        ),
        outcome=_outcome(moved[params.scheme]),
    )


def _outcome(change: Tensor) -> int:
    moved = change > 1e-4
    return 0 if not moved.any() else 2 if moved.all() else 1


def _reading(
    scheme: PositionKind, moved: Mapping[PositionKind, Tensor], tokens: list[str], order: Tensor
) -> str:
    largest = ", ".join(
        f"{NAMES[other]} {float(change.max()):.2f}" for other, change in moved.items()
    )
    change = moved[scheme]
    most, least = int(change.argmax()), int(change.argmin())
    return (
        f"{WAYS[scheme]}. The network reads “{' '.join(tokens)}”, then "
        f"“{' '.join(tokens[place] for place in order)}”, and each word's two outputs are "
        f"compared. Largest change, as a share of the output's length: {largest}. Under "
        f"{NAMES[scheme]}, “{tokens[most]}” moves most ({float(change[most]):.1g}), "
        f"“{tokens[least]}” least ({float(change[least]):.1g})."
    )


def _order(ids: Tensor, kind: str) -> Tensor:
    """The places (T,) in their new order: from back to front, or shuffled so that the words come
    neither as they did nor backwards."""
    backwards = torch.arange(len(ids) - 1, -1, -1)
    if kind == "reversed":
        return backwards
    generator = torch.Generator().manual_seed(0)
    order = torch.arange(len(ids))
    while torch.equal(ids[order], ids) or torch.equal(ids[order], ids[backwards]):
        order = torch.randperm(len(ids), generator=generator)
    return order


@torch.inference_mode()
def changes(
    ids: Tensor, order: Tensor, models: Models, *, causal: bool
) -> dict[PositionKind, Tensor]:
    """How far the output of each token (T,) moves, as a share of its length, when the tokens `ids`
    (T,) come in `order` (T,) instead: for each scheme, in one and the same network."""
    stack = "decoder" if causal else "encoder"
    back = order.argsort()
    networks = {scheme: Transformer(shape(scheme, stack, len(ids))) for scheme in NAMES}
    weights = draw(networks["none"], ids, models)
    moved: dict[PositionKind, Tensor] = {}
    for scheme, network in networks.items():
        tables = {f"{stack}.positions.table.weight": weights[scheme]} if scheme in weights else {}
        shared = {name: tensor for name, tensor in weights.items() if "." in name}
        network.load_state_dict(shared | tables, assign=True)
        trace: Trace = {}
        network(torch.stack((torch.arange(len(ids)), order)), trace=trace)  # both orders: (2, T)
        before, after = trace[f"{stack}.output"]  # (T, C) each
        moved[scheme] = (after[back] - before).norm(dim=-1) / before.norm(dim=-1)
    return moved


def shape(scheme: PositionKind, stack: str, tokens: int) -> Config:
    """Two layers of six heads; embeddings scaled where the scheme's own paper does so."""
    return Config(
        vocabulary=tokens,
        encoder_layers=2 * (stack == "encoder"),
        decoder_layers=2 * (stack == "decoder"),
        channels=384,
        heads=6,
        hidden=96,
        positions=scheme,
        limit=LIMIT,
        scale_embedding=scheme == "sinusoidal",
    )


def draw(network: Transformer, ids: Tensor, models: Models) -> dict[str, Tensor]:
    """Weights by name: MiniLM's vectors for the words `ids` (T,), all others as an untrained
    network begins (Glorot and Bengio 2010). By scheme: MiniLM's learned places (L, C), and for
    T5's trained biases (buckets, H) numbers from N(0, 1)."""
    generator = torch.Generator().manual_seed(0)
    trained = minilm(models).network
    words = trained.get_parameter("embedding.table.weight")[ids]  # (T, C)
    weights = {"embedding.table.weight": words, "output.weight": words}
    for name, old in network.state_dict().items():
        if name in weights:
            continue
        new = torch.full(old.shape, float(name.endswith("weight")))  # norms' scales 1, biases 0
        if old.dim() == 2:
            nn.init.xavier_uniform_(new, generator=generator)
        weights[name] = new
    # Detached: as a parameter it would be shared, and assigning it would make MiniLM's trainable.
    weights["learned"] = trained.get_parameter("encoder.positions.table.weight").detach()
    weights["relative"] = torch.randn(BUCKETS, network.config.heads, generator=generator)
    return weights
