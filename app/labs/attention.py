"""Attention, all of it: every head of every layer.

Any sentence, any head, with the numbers. Small maps show all layers and heads; one is opened large.
Hover to follow a token's row and column, click to hold on to a cell and see how its weight came
about: query, key, scale, mask, softmax, value. Take the scale, the mask or the positions away, or
silence a head, and the model computes again: what changes in its output is said beside the picture.
"""

from typing import Annotated, Any, Literal

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Illustration, LabParams, Table, UnfitInput
from app.labs.parts.looks import (
    READERS,
    TRANSLATION,
    Look,
    Reader,
    compare,
    depth,
    look,
    network_of,
)
from app.labs.parts.panels import explain_cell, opened_map, panel
from app.labs.parts.translation import weights_table
from model.checkpoint import Models
from model.config import Switches
from model.trace import Trace
from model.transformer import Transformer

MOST = 256  # tokens of one sentence
ASIDE = Field(json_schema_extra={"aside": True})  # folded away until wanted
LISTED = 40  # tokens up to which the table holds every weight


class Params(LabParams):
    sentence: Annotated[
        str,
        Field(
            title="Sentence",
            description="English; for the language model, any text.",
            max_length=2000,
        ),
    ] = "The animal did not cross the street because it was too tired."
    second: Annotated[
        str,
        Field(
            title="Beside it",
            description="A second sentence to compare with; may be empty.",
            max_length=2000,
        ),
        ASIDE,
    ] = ""
    reader: Annotated[
        Reader,
        Field(
            title="Attention of",
            description="Which model reads, and which of its attentions is shown.",
            json_schema_extra={"labels": dict(READERS)},
        ),
    ] = "minilm"
    layer: Annotated[
        int, Field(title="Layer", description="1 is next to the input.", ge=1, le=6)
    ] = 1
    head: Annotated[int, Field(title="Head", description="0 is the mean of all.", ge=0, le=12)] = 3
    colours: Annotated[
        Literal["linear", "log"],
        Field(title="Colours", description="Log: from 0.0001 to 1, each tenfold alike."),
        ASIDE,
    ] = "linear"
    view: Annotated[
        Literal["map", "arcs"],
        Field(title="View", description="A map of weights, or arcs from token to token."),
        ASIDE,
    ] = "map"
    scale: Annotated[
        Literal["on", "off"],
        Field(title="Scale", description="On: scores are divided by √dₖ before the softmax."),
        ASIDE,
    ] = "on"
    mask: Annotated[
        Literal["on", "off"],
        Field(title="Causal mask", description="Of a decoder; an encoder has none either way."),
        ASIDE,
    ] = "on"
    positions: Annotated[
        Literal["on", "off"],
        Field(title="Positions", description="Off: the model is not told where a token stands."),
        ASIDE,
    ] = "on"
    altered: Annotated[
        Literal["as trained", "off", "uniform"],
        Field(title="This head", description="Off: it adds nothing. Uniform: all weights alike."),
        ASIDE,
    ] = "as trained"
    query: Annotated[
        int,
        Field(title="Query", description="Place of the token that asks; 0: none.", ge=0, le=MOST),
        ASIDE,
    ] = 0
    key: Annotated[
        int,
        Field(title="Key", description="Place of the token that is read; 0: none.", ge=0, le=MOST),
        ASIDE,
    ] = 0


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    layers, heads = depth(params.reader, models), network_of(params.reader, models).config.heads
    layer, head = min(params.layer, layers), min(params.head, heads)
    sentences = [text for text in (params.sentence, params.second) if text.strip()]
    plain = [_read(params.reader, text, models, Switches()) for text in sentences or [""]]
    switches = _switches(params, plain[0].module(layer), head)
    shown = [
        one if switches == Switches() else _read(params.reader, text, models, switches)
        for one, text in zip(plain, sentences, strict=True)
    ]
    patterns = [one.patterns(layers) for one in shown]  # each (L, H, T, S)
    opened = [_open(pattern, layer, head) for pattern in patterns]  # each (T, S)
    name = f"layer {layer}, {f'head {head}' if head else 'mean of the heads'}"
    first = shown[0]
    return Illustration(
        figures=(),
        reading=_reading(first, opened[0], name, plain[0] if first is not plain[0] else None),
        checks=_checks(first, opened[0], layer, network_of(params.reader, models)),
        table=_table(first, opened[0]),
        notes=_notes(params, shown, layers, heads),
        data={
            "title": f"{READERS[params.reader]}: {name}",
            "layers": layers,
            "heads": heads,
            "layer": layer,
            "head": head,
            "colours": params.colours,
            "view": params.view,
            "panels": [
                panel(one, pattern, weights)
                for one, pattern, weights in zip(shown, patterns, opened, strict=True)
            ],
            "cell": explain_cell(first, layer, head, params.query, params.key),
            "same_run": _same_run(params),
        },
    )


def sketch(illustration: Illustration) -> go.Figure:
    """The first sentence's opened map: the explorer's own interface holds no figure."""
    assert illustration.data is not None
    return opened_map(illustration.data["panels"][0])


def _read(reader: Reader, text: str, models: Models, switches: Switches) -> Look:
    one = look(reader, text, models, switches)
    if max(len(one.asking), len(one.asked)) > MOST:
        raise UnfitInput(f"The text has {len(one.asked)} tokens; up to {MOST} are drawn.")
    return one


def _switches(params: Params, module: str, head: int) -> Switches:
    """What is computed otherwise; the mean of the heads stands for all of them."""
    chosen = frozenset({(module, head - 1)}) if head else frozenset()
    return Switches(
        mask="causal" if params.mask == "on" else "none",
        scale=params.scale == "on",
        positions=params.positions == "on",
        off=chosen if params.altered == "off" else frozenset(),
        uniform=chosen if params.altered == "uniform" else frozenset(),
    )


def _open(patterns: Tensor, layer: int, head: int) -> Tensor:
    """One head of (L, H, T, S), or the mean of its layer's, as (T, S)."""
    return patterns[layer - 1, head - 1] if head else patterns[layer - 1].mean(dim=0)


def _same_run(params: Params) -> list[dict[str, Any]]:
    """The other attentions of the same translation, at the tokens that are held here.

    A row of cross-attention is a place of the decoder, a column a token of the encoder.
    """
    if params.reader not in TRANSLATION:
        return []
    query, key = params.query, params.key
    held = {
        ("cross-attention", "translator-decoder"): (query, query),
        ("cross-attention", "translator-encoder"): (key, key),
        ("translator-decoder", "cross-attention"): (query, 1 if query else 0),
        ("translator-encoder", "cross-attention"): (1 if query else 0, query),
    }
    return [
        {
            "title": READERS[reader],
            "params": params.model_dump()
            | {"reader": reader}
            | dict(zip(("query", "key"), held.get((params.reader, reader), (0, 0)), strict=True)),
        }
        for reader in TRANSLATION
        if reader != params.reader
    ]


def _reading(one: Look, opened: Tensor, name: str, plain: Look | None) -> str:
    apart = opened.clone()
    if one.asking == one.asked:
        apart.fill_diagonal_(0)
    row, column = divmod(int(apart.argmax()), opened.shape[1])
    entropy = float(-(opened * opened.clamp_min(1e-12).log2()).sum(dim=-1).mean())
    text = (
        f"In {name}, “{one.asking[row]}” looks hardest at “{one.asked[column]}” "
        f"({float(apart.max()):.2f}). A token spreads over {2**entropy:.1f} of {len(one.asked)} "
        f"tokens on average ({entropy:.2f} bits)."
    )
    return text + (f" With these switches {compare(plain, one)}." if plain else "")


def _checks(one: Look, opened: Tensor, layer: int, network: Transformer) -> tuple[Check, ...]:
    module = one.module(layer)
    expected = F.scaled_dot_product_attention(
        one.trace[f"{module}.queries"],
        one.trace[f"{module}.keys"],
        one.trace[f"{module}.values"],
        is_causal=one.is_causal,
    )
    difference = float((expected - one.trace[f"{module}.heads"]).abs().max())
    off = float((opened.sum(dim=-1) - 1).abs().max())
    checks = [
        Check("Every row sums to 1.", f"largest deviation: {off:.1e}", off < 1e-5),
        Check(
            "The heads put out softmax(QKᵀ/√dₖ)V"
            + (" under a causal mask." if one.is_causal else "."),
            f"largest difference from PyTorch's own attention: {difference:.1e}",
            difference < 1e-4,
        ),
        _is_projected(one.trace, module, network),
    ]
    if one.is_causal:
        ahead = float(opened.triu(diagonal=1).max())
        text = f"largest weight on a later token: {ahead:.2f}"
        checks.append(Check("No token reads a later one.", text, ahead == 0))
    return tuple(checks)


def _is_projected(trace: Trace, module: str, network: Transformer) -> Check:
    together = trace[f"{module}.heads"].transpose(1, 2).flatten(2)  # (1, H, T, D) -> (1, T, C)
    weights = network.get_submodule(module.replace(".", ".layers.", 1) + ".output")
    apart = float((weights(together) - trace[f"{module}.output"]).abs().max())
    return Check(
        "What all heads gather, side by side, goes through one output projection.",
        f"{trace[f'{module}.heads'].shape[1]} heads make {together.shape[-1]} numbers a token; the "
        f"layer's output differs from their projection by up to {apart:.1e}",
        apart < 1e-4,
    )


def _table(one: Look, opened: Tensor) -> Table:
    """Every weight of a short sentence; of a long one, what each token reads most."""
    if max(opened.shape) <= LISTED:
        return weights_table(opened, one.asking, one.asked, "asks ↓ reads →")
    most = opened.topk(min(5, opened.shape[1]), dim=-1)  # (T, 5)
    places = range(1, most.indices.shape[1] + 1)
    return Table(
        columns=("asks", *(f"reads most, {place}" for place in places)),
        rows=tuple(
            (
                one.asking[row],
                *(
                    f"{one.asked[column]} {weight:.3f}"
                    for column, weight in zip(columns, weights, strict=True)
                ),
            )
            for row, (columns, weights) in enumerate(
                zip(most.indices.tolist(), most.values.tolist(), strict=True)
            )
        ),
    )


def _notes(params: Params, shown: list[Look], layers: int, heads: int) -> tuple[str, ...]:
    notes = [f"The text is cut after {MOST} tokens." for one in shown if one.is_cut]
    if params.layer > layers or params.head > heads:
        notes.append(f"This model has {layers} layers of {heads} heads; the nearest is shown.")
    if params.altered != "as trained" and params.head == 0:
        notes.append("The mean is of all heads: choose one to switch it off or make it uniform.")
    return tuple(notes)
