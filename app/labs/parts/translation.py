"""What the labs on the translator share: its input, its heads and the heat map of a pattern."""

from collections.abc import Sequence
from typing import Annotated, Literal

import plotly.graph_objects as go
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Chosen, Table, UnfitInput
from model.checkpoint import Models
from model.translator import Translation

Sentence = Annotated[
    str,
    Field(
        title="English sentence",
        description="One sentence, translated into French as you look.",
        min_length=1,
        max_length=300,
    ),
]
Layer = Annotated[
    Literal["1", "2"], Chosen, Field(title="Layer", description="1 is next to the input.")
]
Head = Annotated[
    Literal["mean", "1", "2", "3", "4"],
    Chosen,
    Field(title="Head", description="One head alone, or the mean of all four."),
]


def translate(sentence: str, models: Models) -> Translation:
    """The translation into French. Raises UnfitInput where the sentence cannot be read."""
    try:
        return models.translator.translate(sentence, target="fr")
    except ValueError as error:
        reason = str(error)
        raise UnfitInput(f"{reason[0].upper()}{reason[1:]}.") from error


def notes(sentence: str, translation: Translation, models: Models) -> tuple[str, ...]:
    """What the reader should know before believing this run."""
    found = []
    if unseen := models.translator.unseen_words(sentence):
        words = ", ".join(f"“{word}”" for word in unseen)
        found.append(
            f"The model never saw {words} in training: it reads such a word as known pieces, "
            "and what it makes of them is a guess."
        )
    if not translation.complete:
        found.append("The translation was cut off: the model did not find an end.")
    return tuple(found)


def select(pattern: Tensor, head: str) -> Tensor:
    """One head of `pattern` (1, H, T, S), or the mean of all, as (T, S)."""
    return pattern[0].mean(dim=0) if head == "mean" else pattern[0, int(head) - 1]


def with_another_end(ids: Tensor, vocabulary: int) -> Tensor:
    """`ids` (1, T) with another token of the vocabulary in the last place."""
    other = ids.clone()
    other[0, -1] = (ids[0, -1] + 1) % vocabulary
    return other


def describe(layer: str, head: str) -> str:
    return f"layer {layer}, {'mean of the heads' if head == 'mean' else f'head {head}'}"


def heat_map(
    pattern: Tensor, rows: Sequence[str], columns: Sequence[str], title: str, axes: tuple[str, str]
) -> go.Figure:
    """`pattern` (T, S) with its T rows and S columns labelled; `axes` names rows, then columns.

    Positions are numbers and tokens only their labels, so that a token that occurs
    twice keeps both its rows.
    """
    weights = [[round(weight, 4) for weight in row] for row in pattern.tolist()]
    names = [[[row, column] for column in columns] for row in rows]
    figure = go.Figure(
        go.Heatmap(
            z=weights,
            customdata=names,
            coloraxis="coloraxis",
            texttemplate="%{z:.2f}" if len(rows) * len(columns) <= 400 else None,
            hovertemplate="%{customdata[0]} → %{customdata[1]}: %{z:.4f}<extra></extra>",
            xgap=1,
            ygap=1,
        )
    )
    figure.update_layout(
        template=None,
        title={"text": title},
        height=170 + 34 * len(rows),
        coloraxis={
            "cmin": 0,
            "cmax": 1,
            "colorbar": {"title": {"text": "attention weight"}, "thickness": 12},
        },
        xaxis=axis_of_tokens(columns, axes[1]),
        yaxis=axis_of_tokens(rows, axes[0]) | {"autorange": "reversed"},
    )
    return figure


def axis_of_tokens(tokens: Sequence[str], title: str) -> dict[str, object]:
    return {
        "title": {"text": title},
        "tickvals": list(range(len(tokens))),
        "ticktext": list(tokens),
        "showgrid": False,
        "zeroline": False,
    }


def weights_table(
    pattern: Tensor, rows: Sequence[str], columns: Sequence[str], corner: str
) -> Table:
    """`pattern` (T, S) as a table with a row a token."""
    return Table(
        columns=(corner, *columns),
        rows=tuple(
            (name, *(round(weight, 3) for weight in weights))
            for name, weights in zip(rows, pattern.tolist(), strict=True)
        ),
    )
