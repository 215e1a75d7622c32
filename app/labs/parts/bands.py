"""Lines of measurements that were repeated: the median of the repeats, in a band from the lowest
repeat to the highest."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from torch import Tensor

LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": 0, "yref": "container"}
POWERS = {"type": "log", "exponentformat": "power"}


def add_line(
    figure: go.Figure,
    x: Sequence[float],
    values: Tensor,
    name: str,
    *,
    series: int,
    thick: bool = False,
    dash: str = "solid",
    row: int | None = None,
) -> None:
    """`values` (N, R) of R repeats over `x` (N,), in the colour --series-`series`. With a `row`,
    into that row of subplots, and the legend names it once."""
    where: dict[str, Any] = {} if row is None else {"row": row, "col": 1}
    color = f"var(--series-{series})"
    low, high = shorten(values.min(dim=1).values), shorten(values.max(dim=1).values)
    figure.add_scatter(
        x=[*x, *x[::-1]],
        y=[*low, *high[::-1]],
        fill="toself",
        fillcolor=color,
        opacity=0.2,
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        **where,
    )
    figure.add_scatter(
        x=list(x),
        y=shorten(values.median(dim=1).values),
        name=name,
        line={"color": color, "width": 3.5 if thick else 1.5, "dash": dash},
        mode="lines+markers" if len(x) < 12 else "lines",
        showlegend=row in (None, 1),
        hovertemplate="%{x}: %{y}",
        **where,
    )


def finish(figure: go.Figure, title: str, height: int) -> None:
    """Title, size, and the legend at the foot, where it may take as many lines as it needs."""
    legend = LEGEND | {"yanchor": "bottom"}
    figure.update_layout(template=None, title={"text": title}, height=height, legend=legend)


def shorten(values: Tensor) -> list[float]:
    """`values` (N,) to four digits; a figure shows no more."""
    return [float(f"{value:.4g}") for value in values.tolist()]


def median(values: Tensor) -> str:
    """The median of the repeats (R,), as a text says it."""
    return f"{float(values.median()):.3g}"
