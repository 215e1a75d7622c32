"""Pictures of eight by eight dots: drawn by the reader, cut into patches, and what is made of them.

S patches.
"""

from typing import Annotated

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from pydantic import AfterValidator, Field
from torch import Tensor

from model.tasks.digits import BRIGHTEST, PATCH, SIDE

ACROSS = SIDE // PATCH  # patches in a row
DOTS = SIDE * SIDE
INKS = "0123456789abcdefg"  # from paper to as dark as can be, 16


def _check(text: str) -> str:
    if text and (len(text) != DOTS or not set(text) <= set(INKS)):
        raise ValueError(f"a drawing is {DOTS} dots, each one of {INKS}, or nothing")
    return text


Drawing = Annotated[
    str,
    AfterValidator(_check),
    Field(
        title="Drawing",
        description="Rows of dots, 0 for paper to g for ink; empty: the picture is read.",
        max_length=DOTS,
    ),
]


def read_drawing(text: str) -> Tensor:
    """The dots of a drawing, 0 to 16: (64,)."""
    return torch.tensor([float(INKS.index(ink)) for ink in text])


def write_drawing(dots: Tensor) -> str:
    """Dots (64,) as a drawing says them."""
    return "".join(INKS[int(dot)] for dot in dots)


def draw_patches(patches: Tensor, looks: Tensor, view: str) -> go.Figure:
    """The patches (S, patch) laid out as read, and beside them how the class token looks (S,)."""
    blocks = patches.view(ACROSS, ACROSS, PATCH, PATCH)  # (S, patch) -> (4, 4, 2, 2)
    picture = blocks.transpose(1, 2).reshape(SIDE, SIDE) * BRIGHTEST  # -> (8, 8)
    name = "rollout" if view == "rollout" else f"layer {view}"
    figure = make_subplots(1, 2, horizontal_spacing=0.06, subplot_titles=("picture", name))
    figure.add_heatmap(z=picture.int().tolist(), coloraxis="coloraxis", row=1, col=1)
    figure.add_heatmap(
        z=[[round(w, 4) for w in row] for row in looks.view(ACROSS, ACROSS).tolist()],
        coloraxis="coloraxis2",
        xgap=2,
        ygap=2,
        texttemplate="%{z:.0%}",
        hovertemplate="patch in column %{x}, row %{y}: %{z:.3f}<extra></extra>",
        row=1,
        col=2,
    )
    for cut in range(1, ACROSS):
        line = {"color": "var(--accent)", "width": 1}
        figure.add_vline(cut * PATCH - 0.5, line=line, row=1, col=1)
        figure.add_hline(cut * PATCH - 0.5, line=line, row=1, col=1)
    figure.update_xaxes(showgrid=False, zeroline=False, constrain="domain")
    figure.update_xaxes(title={"text": "dot"}, col=1)
    figure.update_xaxes(title={"text": "patch"}, tickvals=list(range(ACROSS)), col=2)
    figure.update_yaxes(showgrid=False, zeroline=False, autorange="reversed", constrain="domain")
    figure.update_yaxes(scaleanchor="x", col=1)
    figure.update_yaxes(scaleanchor="x2", tickvals=list(range(ACROSS)), col=2)
    figure.update_layout(
        template=None,
        title={"text": "What the class token looks at"},
        height=420,
        coloraxis={"cmin": 0, "cmax": BRIGHTEST, "showscale": False},
        coloraxis2={"cmin": 0, "showscale": False},
    )
    return figure


def draw_classes(chances: dict[str, Tensor], names: dict[str, str]) -> go.Figure:
    """The probabilities (10,) of the digits, for the patches in every order."""
    figure = go.Figure()
    for order, name in names.items():
        figure.add_bar(
            name=name,
            x=list(range(10)),
            y=[round(chance, 4) for chance in chances[order].tolist()],
        )
    figure.update_layout(
        template=None,
        title={"text": "What digit it is taken for"},
        height=380,
        xaxis={"title": {"text": "digit"}, "tickvals": list(range(10))},
        yaxis={"title": {"text": "probability"}, "range": [0, 1]},
        legend={"orientation": "h", "y": -0.25},
    )
    return figure
