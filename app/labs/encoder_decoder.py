"""Encoder and decoder: one reads once, the other writes step by step.

A sentence goes through the translator with every shape in sight, and two interventions show the
wiring: another last source token, another last target token, and which queries and keys move. The
encoder's follow the source alone; in cross-attention the decoder's queries meet keys of the
encoder's last layer, whichever layer of the decoder asks. Let the decoder read another layer's
output, or run the encoder at every step, and those claims break.
"""

from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
from pydantic import Field

from app.labs.illustration import Check, Illustration, LabParams, Prediction, Table
from app.labs.parts.translation import Sentence, notes, translate
from app.labs.parts.two_stacks import (
    INTERVENTIONS,
    Reads,
    Written,
    cross_attentions,
    intervene,
    measure_move,
    write,
)
from model.checkpoint import Models
from model.trace import Trace, attention_names
from model.transformer import Transformer
from model.translator import Translation

CLOSE = 1e-4  # of a logit or a key: rounding

READS: dict[Reads, str] = {
    "last layer": "the encoder's last layer",
    "first layer": "the encoder's first layer",
    "embeddings": "the source embeddings",
    "level by level": "the encoder's layer of its own level",
    "zeros": "zeros",
}

PREDICT = Prediction(
    "How often is the sentence encoded while its translation is written token by token?",
    ("Once.", "Once for each layer of the decoder.", "Once for each token written."),
)


class Params(LabParams):
    sentence: Sentence = "The red cars are not old."
    reads: Annotated[
        Reads,
        Field(
            title="Decoder reads",
            description="What its cross-attention is given of the encoder; level by level: layer 1 "
            "reads layer 1, layer 2 layer 2.",
        ),
    ] = "last layer"
    encode: Annotated[
        Literal["once", "every step"],
        Field(title="Encoder runs", description="While the translation is written."),
    ] = "once"


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    translator, network = models.translator, models.translator.network
    translation = translate(params.sentence, models)
    written = write(
        translator, translation.source_ids, params.reads, again=params.encode == "every step"
    )
    own = translator.describe(translation.source_ids, written.ids, params.sentence, "fr")
    traces = intervene(network, own, params.reads)
    trace = traces["as it is"]
    moved = {
        module: [
            measure_move(trace[f"{module}.{part}"], traces[other][f"{module}.{part}"])
            for part in ("queries", "keys")
            for other in INTERVENTIONS
        ]
        for module in attention_names(network.config)
    }
    passes = sum(count > 0 for count in written.encoded)
    return Illustration(
        figures=(_wiring(moved), _work(written, params)),
        reading=_reading(params, own, written, translation),
        checks=(
            _encoder_stands_alone(moved),
            _keys_are_the_last_layers(network, trace),
            _depends_on_encoder(network, own, trace),
            _one_more_sublayer(trace, models),
            _encoded_once(passes, written),
            _steps_are_one_pass(written, trace),
        ),
        table=_table(trace, moved),
        notes=notes(params.sentence, own, models),
        outcome=_outcome(passes, network, written),
    )


def _encoder_stands_alone(moved: dict[str, list[float]]) -> Check:
    """Columns: queries by source and target, keys by source and target."""
    encoder = max(max(row[1], row[3]) for name, row in moved.items() if name.startswith("encoder"))
    across = {name: row for name, row in moved.items() if name.endswith("cross_attention")}
    queries, keys = (max(row[column] for row in across.values()) for column in (1, 3))
    return Check(
        "In cross-attention queries follow what is written, keys the source alone.",
        f"another last target token moves queries by {queries:.2f}, keys by {keys:.1f}, and "
        f"anything in the encoder by {encoder:.1f}",
        queries > 0 and keys == 0 and encoder == 0,
    )


def _keys_are_the_last_layers(network: Transformer, trace: Trace) -> Check:
    """The keys found in each layer's cross-attention against those of the encoder's output."""
    differences = []
    for attention in cross_attentions(network):
        expected, _ = attention.read_source(trace["encoder.output"], None)  # (1, H, S, D)
        differences.append(float((trace[f"{attention.name}.keys"] - expected).abs().max()))
    return Check(
        "Every layer of the decoder reads the encoder's last layer.",
        "keys against those of the encoder's output, layer by layer: largest difference "
        + ", ".join(f"{difference:.1e}" for difference in differences),
        max(differences) < CLOSE,
    )


def _depends_on_encoder(network: Transformer, own: Translation, trace: Trace) -> Check:
    """Against what is written with nothing to read."""
    silent = network.decode(own.target_ids, torch.zeros_like(trace["encoder.output"]))
    change = float((silent - trace["logits"]).abs().max())
    return Check(
        "What is written depends on what the encoder read.",
        f"zeros in the encoder's place change a logit by up to {change:.1f}",
        change > 1,
    )


def _one_more_sublayer(trace: Trace, models: Models) -> Check:
    """Counted among what a pass wrote down; the language model is decoder-only."""
    counts = {
        stack: sum(name.startswith(f"{stack}.0.residual.") for name in trace)
        for stack in ("encoder", "decoder")
    }
    alone = attention_names(models.lm.network.config)
    across = sum(name.endswith("cross_attention") for name in alone)
    return Check(
        "A decoder layer has one sublayer more, cross-attention; a decoder-only model lacks it.",
        f"sublayers of a layer: encoder {counts['encoder']}, decoder {counts['decoder']}; the "
        f"language model has {across} cross-attentions in {len(alone)} attentions",
        counts["decoder"] == counts["encoder"] + 1 and across == 0,
    )


def _encoded_once(passes: int, written: Written) -> Check:
    return Check(
        "The encoder runs once, however many tokens are written.",
        f"{passes} passes of the encoder, {len(written.ids)} steps of the decoder",
        passes == 1,
    )


def _steps_are_one_pass(written: Written, trace: Trace) -> Check:
    difference = float((written.logits - trace["logits"][0]).abs().max())
    return Check(
        "Step by step gives the logits of one pass over the whole translation.",
        f"largest difference of a logit: {difference:.1e}",
        difference < CLOSE * float(trace["logits"].abs().max()),
    )


def _outcome(passes: int, network: Transformer, written: Written) -> int | None:
    counts = [1, network.config.decoder_layers, len(written.ids)]
    return counts.index(passes) if passes in counts else None


def _reading(params: Params, own: Translation, written: Written, usual: Translation) -> str:
    runs = sum(count > 0 for count in written.encoded)
    begin = (
        f"The encoder runs {'once' if runs == 1 else f'{runs} times'} over "
        f"{len(own.source_tokens)} tokens, {sum(written.encoded)} vectors in all; the decoder "
        f"writes “{own.text}” in {len(written.ids)} steps, a token each."
    )
    if params.reads == "last layer":
        return begin
    same = sum(a == b for a, b in zip(written.ids, usual.output_ids.tolist(), strict=False))
    return (
        f"{begin} It reads {READS[params.reads]}, for which it was not trained, and {same} of "
        f"{len(usual.output_ids)} tokens are what they are when it reads the last layer."
    )


def _name(module: str) -> str:
    stack, layer, kind = module.split(".")
    return f"{stack} {int(layer) + 1}, {kind.split('_')[0]}"


def _table(trace: Trace, moved: dict[str, list[float]]) -> Table:
    parts = ("queries", "keys", "pattern", "output")
    return Table(
        (
            "attention",
            *(f"{part} (shape)" for part in parts),
            *(f"{part} moved by the {side}" for part in parts[:2] for side in ("source", "target")),
        ),
        tuple(
            (
                _name(module),
                *("×".join(map(str, trace[f"{module}.{part}"].shape)) for part in parts),
                *(round(value, 3) for value in row),
            )
            for module, row in moved.items()
        ),
    )


def _wiring(moved: dict[str, list[float]]) -> go.Figure:
    columns = [
        f"{part}<br>by {side}" for part in ("queries", "keys") for side in ("source", "target")
    ]
    figure = go.Figure(
        go.Heatmap(
            z=list(moved.values()),
            coloraxis="coloraxis",
            texttemplate="%{z:.2f}",
            hovertemplate="%{z:.4f}<extra></extra>",
            xgap=1,
            ygap=1,
        )
    )
    figure.update_layout(
        template=None,
        title={"text": "What another last token moves, by share"},
        height=200 + 38 * len(moved),
        coloraxis={
            "cmin": 0,
            "cmax": 1,
            "colorbar": {
                "title": {"text": "share"},
                "tickvals": [0, 1],
                "thickness": 12,
            },
        },
        xaxis={
            "title": {"text": "what moves, by whose token"},
            "tickvals": list(range(len(columns))),
            "ticktext": columns,
            "showgrid": False,
        },
        yaxis={
            "tickvals": list(range(len(moved))),
            "ticktext": [_name(module) for module in moved],
            "autorange": "reversed",
            "showgrid": False,
        },
    )
    return figure


def _work(written: Written, params: Params) -> go.Figure:
    steps = list(range(1, len(written.ids) + 1))
    figure = go.Figure()
    for name, counts in (("encoder", written.encoded), ("decoder", written.decoded)):
        total = torch.tensor(counts).cumsum(0).tolist()
        figure.add_scatter(x=steps, y=total, name=name, mode="lines+markers")
    figure.update_layout(
        template=None,
        title={"text": f"Work while it is written, encoded {params.encode}"},
        height=400,
        xaxis={"title": {"text": "step (tokens written)"}},
        yaxis={"title": {"text": "vectors computed so far"}, "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.25, "yanchor": "top"},
    )
    return figure
