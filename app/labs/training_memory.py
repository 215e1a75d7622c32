"""Training memory: weights, gradients, optimiser, activations.

One real training step of the translator, every byte that it keeps counted beside the formula.
Weights, gradients and Adam's state take 16 bytes a parameter whatever the batch, in 32 bits as in
mixed precision; activations grow with the batch and, where attention keeps its patterns, with the
square of the length. A fused kernel keeps none. Train in 16 bits alone and 8 bytes suffice, but
most updates are lost to rounding; plain SGD has no state to keep.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import plotly.graph_objects as go
from pydantic import Field

from app.labs.illustration import Check, Chosen, Illustration, LabParams, Prediction, Table
from app.labs.parts.training_step import (
    Activations,
    Kernel,
    Optimiser,
    Precision,
    State,
    Training,
    predicted,
)
from model.checkpoint import Models

MIB = 2**20
_LEGEND: dict[str, Any] = {
    "orientation": "h",
    "x": 0,
    "yref": "container",
    "y": 0,
    "yanchor": "bottom",
}
_NOTES = (
    "What is held in 16 bits is computed in 32, in a working copy that is not counted: many "
    "processors have no fast arithmetic of 16 bits.",
)
BATCHES, LENGTHS = (1, 2, 4, 8), (32, 64, 128, 256)

PREDICT = Prediction(
    "The batch is doubled. Which part of the memory doubles with it?",
    ("All of it.", "Gradients and activations.", "Activations alone."),
)


class Params(LabParams):
    batch: Annotated[
        Literal["1", "2", "4"],
        Chosen,
        Field(title="Batch", description="Texts in one step."),
    ] = "2"
    length: Annotated[
        Literal["64", "128"],
        Chosen,
        Field(title="Length", description="Tokens of the source, and as many of the target."),
    ] = "64"
    precision: Annotated[
        Precision,
        Field(
            title="Precision",
            description="Mixed: 16-bit weights and gradients, a 32-bit copy to add updates to.",
        ),
    ] = "mixed"
    optimiser: Annotated[
        Optimiser,
        Field(title="Optimiser", description="Adam keeps two moments of every gradient."),
    ] = "Adam"
    kernel: Annotated[
        Kernel,
        Field(
            title="Attention",
            description="Plain keeps its pattern for the backward pass; fused not.",
        ),
    ] = "plain"
    over: Annotated[
        Literal["batch", "length"],
        Field(title="Second figure over", description="What grows in the second figure."),
    ] = "batch"


def illustrate(params: Params, models: Models) -> Illustration:
    batch, length = int(params.batch), int(params.length)
    trained = models.translator.network
    training = Training(trained, params.precision, params.optimiser, params.kernel)
    before = [weight.clone() for weight in training.held]
    activations = training.step(batch, length)
    moved = training.moved(before)
    state = training.state
    doubled, state_doubled = training.step(2 * batch, length), training.state
    half = training.forward(batch, length // 2)[1]
    formula = predicted(trained.config, batch, length, half=training.half, kernel=params.kernel)
    state_formula = training.predicted_state
    sizes = BATCHES if params.over == "batch" else LENGTHS
    grown = [
        training.forward(size, length)[1]
        if params.over == "batch"
        else training.forward(batch, size)[1]
        for size in sizes
    ]
    rows = (("formula", state_formula, formula), ("measured", state, activations))
    return Illustration(
        figures=(_bars(rows), _growth(params, sizes, grown, state)),
        reading=_reading(params, training.parameters, state, activations),
        checks=(
            _besides(state, activations),
            _sixteen(training.parameters, state),
            _with_the_batch((activations, doubled), (state, state_doubled)),
            _as_predicted((state, state_formula), (activations, formula)),
            _square(half, activations, length),
            _kept(moved),
        ),
        table=_table(rows),
        notes=_NOTES if training.half else (),
        outcome=_outcome((state, state_doubled)),
    )


def _outcome(states: tuple[State, State]) -> int:
    one, two = states
    if two.total > 1.5 * one.total:
        return 0
    return 1 if two.gradients > 1.5 * one.gradients else 2


def _reading(params: Params, parameters: int, state: State, activations: Activations) -> str:
    total = state.total + activations.total
    shares = {
        "attention patterns": activations.patterns,
        "logits": activations.logits,
        "all others": activations.others,
    }
    most = max(shares, key=lambda name: shares[name])
    return (
        f"{parameters:,} parameters take {state.total / MIB:.1f} MiB of state, "
        f"{state.total / parameters:.0f} bytes each; weights alone are {state.weights / MIB:.1f} "
        f"MiB. {params.batch} × {params.length} tokens keep {activations.total / MIB:.1f} MiB of "
        f"activations, most of it {most} ({shares[most] / activations.total:.0%}). In all the step "
        f"holds {total / state.weights:.1f} times the weights."
    )


def _besides(state: State, activations: Activations) -> Check:
    parts = {
        "gradients": state.gradients,
        "optimiser state": state.optimiser,
        "activations": activations.total,
    }
    return Check(
        "Besides the weights, training holds gradients, optimiser state and activations.",
        ", ".join(f"{name} {size / MIB:.1f} MiB" for name, size in parts.items()),
        all(parts.values()),
    )


def _sixteen(parameters: int, state: State) -> Check:
    each = state.total / parameters
    return Check(
        "Weights, gradients and optimiser take 16 bytes a parameter.",
        f"{state.weights / parameters:.0f} + {state.gradients / parameters:.0f} + "
        f"{state.optimiser / parameters:.0f} = {each:.1f} bytes",
        abs(each - 16) < 0.5,
    )


def _with_the_batch(
    activations: tuple[Activations, Activations], states: tuple[State, State]
) -> Check:
    growth = activations[1].total / activations[0].total
    still = states[1].total / states[0].total
    return Check(
        "A batch twice as large doubles the activations and leaves the rest as it is.",
        f"activations × {growth:.2f}, the rest × {still:.2f}",
        abs(growth - 2) < 0.05 and still == 1,
    )


def _as_predicted(states: tuple[State, State], kept: tuple[Activations, Activations]) -> Check:
    off = [abs(measured.total / formula.total - 1) for measured, formula in (states, kept)]
    return Check(
        "The formulas say within 15 % what is measured.",
        f"state off by {off[0]:.1%}; activations, {kept[1].total / MIB:.2f} MiB by formula and "
        f"{kept[0].total / MIB:.2f} measured, off by {off[1]:.1%}",
        max(off) < 0.15,
    )


def _square(half: Activations, whole: Activations, length: int) -> Check:
    growth = whole.patterns / half.patterns if half.patterns else 0.0
    return Check(
        "A text twice as long keeps four times as many attention weights.",
        f"{half.patterns:,} bytes at {length // 2} tokens, {whole.patterns:,} at {length}",
        abs(growth - 4) < 0.05,
    )


def _kept(moved: float) -> Check:
    return Check(
        "A weight takes even a small update.",
        f"{moved:.1%} of the weights with a gradient moved in the first step",
        moved > 0.95,
    )


def _bars(rows: Sequence[tuple[str, State, Activations]]) -> go.Figure:
    """What is held, part by part: by formula and as measured."""
    figure = go.Figure()
    for part in ("weights", "gradients", "optimiser", "patterns", "logits and others"):
        sizes = [_parts(state, activations)[part] / MIB for _, state, activations in rows]
        figure.add_bar(
            x=[float(f"{size:.4g}") for size in sizes],
            y=[name for name, *_ in rows],
            orientation="h",
            name=part if part != "patterns" else "attention patterns",
            hovertemplate="%{x} MiB",
        )
    figure.update_layout(
        template=None,
        barmode="stack",
        title={"text": "What one training step holds"},
        height=360,
        margin={"t": 60},
        legend=_LEGEND | {"traceorder": "normal"},
        xaxis={"title": {"text": "MiB"}},
        yaxis={"autorange": "reversed"},
    )
    return figure


def _parts(state: State, activations: Activations) -> dict[str, int]:
    return {
        "weights": state.weights,
        "gradients": state.gradients,
        "optimiser": state.optimiser,
        "patterns": activations.patterns,
        "logits and others": activations.logits + activations.others,
    }


def _growth(
    params: Params, sizes: Sequence[int], grown: Sequence[Activations], state: State
) -> go.Figure:
    curves = {
        "activations": [kept.total for kept in grown],
        "of these, attention patterns": [kept.patterns for kept in grown],
        "weights, gradients, optimiser": [state.total for _ in grown],
    }
    figure = go.Figure()
    for name, values in curves.items():
        figure.add_scatter(
            x=list(sizes),
            y=[float(f"{value / MIB:.4g}") for value in values],
            mode="lines+markers",
            name=name,
            hovertemplate="%{x}: %{y} MiB",
        )
    given = {
        "batch": (f"texts of {params.length} tokens in the batch", "the batch"),
        "length": (f"tokens in each of {params.batch} texts", "the length"),
    }[params.over]
    figure.update_layout(
        template=None,
        title={"text": f"Memory as {given[1]} grows"},
        height=400,
        margin={"t": 60},
        legend=_LEGEND,
        xaxis={"title": {"text": given[0]}, "rangemode": "tozero"},
        yaxis={"title": {"text": "MiB"}, "rangemode": "tozero"},
    )
    return figure


def _table(rows: Sequence[tuple[str, State, Activations]]) -> Table:
    return Table(
        columns=("bytes", *(name for name, *_ in rows)),
        rows=tuple(
            (part, *(_detail(state, kept)[part] for _, state, kept in rows))
            for part in _detail(rows[0][1], rows[0][2])
        ),
    )


def _detail(state: State, kept: Activations) -> dict[str, int]:
    return {
        "weights": state.weights,
        "gradients": state.gradients,
        "optimiser": state.optimiser,
        "attention patterns": kept.patterns,
        "logits": kept.logits,
        "other activations": kept.others,
        "in all": state.total + kept.total,
    }
