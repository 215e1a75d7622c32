"""Gradient accumulation: a large batch from small ones.

The gradients of several micro-batches are added up before one step is taken, so that only one
micro-batch's activations have to be in memory. The sum equals the whole batch's gradient where each
loss is divided by the target tokens of all; the mean of the micro-batches' means is something else
as soon as they hold unequal numbers of tokens, and without a division it is too long. BatchNorm,
which looks across the batch, breaks it under any weighting. Nothing is computed less.
"""

import math
from itertools import islice
from typing import Annotated, Literal

import plotly.graph_objects as go
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from app.labs.illustration import (
    Check,
    Chosen,
    Illustration,
    LabParams,
    Prediction,
    Table,
)
from app.labs.parts.micro_batches import Step, Weighting, accumulate, prepare
from model.checkpoint import Models
from model.corpus import sentences
from model.tasks.translation import encode, pad
from model.translator import Translator

SENTENCES = 8  # of the whole batch
DRAWN = 48
MB = 1e6
SMALLEST = 1e-17  # where a difference of none is drawn
STRAIGHT = 1e-3  # degrees
UNTRAINED = "BatchNorm takes over LayerNorm's weights and was never trained: its loss is high."
EXACT = 1e-6  # of the gradient's length; in 64 bit the order of a sum does not show

NAMES: dict[Weighting, str] = {
    "tokens": "sums ÷ all tokens",
    "batches": "means ÷ micro-batches",
    "none": "means, not divided",
}

PREDICT = Prediction(
    "The batch is cut into micro-batches as chosen. What becomes of its gradient?",
    ("It stays the same.", "It points the same way and is longer.", "It points another way."),
)


class Params(LabParams):
    steps: Annotated[
        Literal["1", "2", "4", "8"],
        Chosen,
        Field(title="Micro-batches", description="Into which 8 pairs of sentences are cut."),
    ] = "4"
    weighting: Annotated[
        Weighting,
        Field(
            title="Divide by",
            description="Tokens: summed losses by the target tokens of the step. Batches: each "
            "mean loss by the number of micro-batches. None: mean losses as they are.",
        ),
    ] = "tokens"
    lengths: Annotated[
        Literal["uneven", "equal"],
        Field(title="Targets", description="Uneven: sorted, so that micro-batches differ."),
    ] = "uneven"
    norm: Annotated[
        Literal["layer", "batch"],
        Field(title="Norm", description="BatchNorm in place of the translator's LayerNorm."),
    ] = "layer"
    seed: Annotated[
        int,
        Field(title="Draw", description="Which sentences of the training corpus.", ge=1, le=99),
    ] = 1


def illustrate(params: Params, models: Models) -> Illustration:
    translator = models.translator
    network = prepare(translator.network, params.norm)
    source, target = _draw(translator, params)
    one = accumulate(network, source, target, 1, translator.tokenizer.pad)
    many = one
    if params.steps != "1":
        many = accumulate(network, source, target, int(params.steps), translator.tokenizer.pad)
    whole = one.gradient("tokens")  # (P,)
    gradients = {weighting: many.gradient(weighting) for weighting in NAMES}
    errors = {name: float((g - whole).norm() / whole.norm()) for name, g in gradients.items()}
    chosen, error = gradients[params.weighting], errors[params.weighting]
    length = float(chosen.norm() / whole.norm())
    angle = math.degrees(math.acos(min(1.0, float(F.cosine_similarity(chosen, whole, dim=0)))))
    buffer = 2 * whole.numel() * whole.element_size()
    return Illustration(
        figures=(_error_figure(errors, params), _memory_figure(one, many, buffer)),
        reading=_reading(params, many, error, length, angle),
        checks=(
            Check(
                "The accumulated gradient is the whole batch's.",
                f"relative difference {error:.1e}; {length:.3f} times as long, turned by "
                f"{angle:.1f}°",
                error < EXACT,
            ),
            _counts_alike(many, params.weighting),
            _keeps_one(one, many),
            _saves_no_work(one, many),
        ),
        table=_table(many, params.weighting),
        notes=() if params.norm == "layer" else (UNTRAINED,),
        outcome=0 if error < EXACT else 1 if angle < STRAIGHT else 2,
    )


def _draw(translator: Translator, params: Params) -> tuple[Tensor, Tensor]:
    """Sources (B, S) and targets (B, T), English to French: of those drawn, the four with most and
    the four with fewest target tokens, or eight with as many."""
    drawn = islice(sentences(params.seed), DRAWN)
    tokenizer = translator.tokenizer
    pairs = [encode(tokenizer, each.text("en"), each.text("fr"), "fr") for each in drawn]
    pairs.sort(key=lambda pair: -len(pair[1]))
    half = SENTENCES // 2
    chosen = pairs[:half] + pairs[-half:]
    if params.lengths == "equal":
        sizes = [len(target) for _, target in pairs]
        usual = max(set(sizes), key=lambda size: (sizes.count(size), -size))
        chosen = [pair for pair in pairs if len(pair[1]) == usual][:SENTENCES]
        chosen = (chosen * SENTENCES)[:SENTENCES]
    return pad(chosen, tokenizer.pad, translator.device)


def _reading(params: Params, many: Step, error: float, length: float, angle: float) -> str:
    tokens = ", ".join(map(str, many.tokens))
    if error < EXACT:
        said = "the same gradient as the whole batch, but for rounding"
    else:
        said = (
            f"a gradient {length:.2f} times as long as the whole batch's and turned by "
            f"{angle:.0f}°: one step would be off by {error:.0%} of its length"
        )
    most, least = max(many.tokens), min(many.tokens)
    return (
        f"{SENTENCES} pairs, cut into {len(many.tokens)}: {tokens} target tokens. With "
        f"{params.norm} norm, “{NAMES[params.weighting]}” gives {said}. Where every mean counts "
        f"the same, a token of the shortest micro-batch weighs {most / least:.1f} times as much as "
        f"one of the longest. At most {max(many.kept) / MB:.1f} MB of activations are kept."
    )


def _counts_alike(many: Step, weighting: Weighting) -> Check:
    shares = [many.share(weighting, batch) for batch in range(len(many.tokens))]
    return Check(
        "Every target token counts the same.",
        f"weight of a token in the loss: {min(shares):.2e} to {max(shares):.2e}",
        max(shares) < min(shares) * (1 + EXACT),
    )


def _keeps_one(one: Step, many: Step) -> Check:
    most, count = max(many.kept), len(many.tokens)
    return Check(
        "Activations wait for backward of one micro-batch at a time.",
        f"{most / MB:.2f} MB at most, the whole batch {one.kept[0] / MB:.2f} MB: "
        f"{one.kept[0] / most:.2f} times as many for {count} times the sentences",
        most * count < 1.1 * one.kept[0],
    )


def _saves_no_work(one: Step, many: Step) -> Check:
    return Check(
        "No arithmetic is saved.",
        f"multiply-adds of the linear maps, forward: {many.products / 1e6:.2f} million one after "
        f"another, {one.products / 1e6:.2f} million at once",
        many.products >= one.products,
    )


def _table(many: Step, weighting: Weighting) -> Table:
    return Table(
        ("micro-batch", "target tokens", "mean loss", "weight of a token", "activations (MB)"),
        tuple(
            (
                batch + 1,
                tokens,
                round(many.losses[batch], 4),
                float(f"{many.share(weighting, batch):.3g}"),
                round(many.kept[batch] / MB, 2),
            )
            for batch, tokens in enumerate(many.tokens)
        ),
    )


def _error_figure(errors: dict[Weighting, float], params: Params) -> go.Figure:
    shown = [max(error, SMALLEST) for error in errors.values()]
    names = [NAMES[weighting] for weighting in errors]
    figure = go.Figure(
        go.Scatter(
            x=shown,
            y=names,
            mode="markers+text",
            text=[f"{error:.1g}" for error in errors.values()],
            textposition="top center",
            marker={
                "size": 14,
                "symbol": [
                    "circle" if name == params.weighting else "circle-open" for name in errors
                ],
            },
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    figure.add_vline(x=EXACT, line={"color": "var(--ink-soft)", "dash": "dot", "width": 1})
    figure.update_layout(
        template=None,
        title={"text": "How far off the whole batch's gradient"},
        height=300,
        showlegend=False,
        xaxis={
            "title": {"text": "difference ÷ length (log)"},
            "type": "log",
            "exponentformat": "power",
            "range": [math.log10(SMALLEST) - 1, 2],
            "dtick": 8,
            "tickangle": 0,
        },
        yaxis={"range": [2.6, -0.6], "showgrid": True},
    )
    return figure


def _memory_figure(one: Step, many: Step, buffer: int) -> go.Figure:
    names = ["whole", *(str(batch + 1) for batch in range(len(many.tokens)))]
    kept = [bytes_ / MB for bytes_ in (*one.kept, *many.kept)]
    figure = go.Figure(go.Bar(x=names, y=kept, name="activations that wait for backward"))
    figure.add_scatter(
        x=names,
        y=[buffer / MB] * len(names),
        name="weights and gradients",
        mode="lines",
        line={"dash": "dot", "color": "var(--ink-soft)"},
    )
    figure.update_layout(
        template=None,
        title={"text": "Memory while each batch is computed"},
        height=400,
        xaxis={"title": {"text": "batch: the whole, or one micro-batch"}, "type": "category"},
        yaxis={"title": {"text": "memory (MB, 64-bit numbers)"}, "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.25, "yanchor": "top"},
    )
    return figure
