"""The figures of the positional lab: maps, curves, and arrows that turn."""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from torch import Tensor

MARK = {"color": "var(--ink-soft)", "width": 1, "dash": "dot"}


def numbers(tensor: Tensor) -> list[float]:
    """Four digits are more than a figure shows."""
    return [float(f"{value:.4g}") for value in tensor.tolist()]


def finish(figure: go.Figure, title: str, axes: tuple[str, str], **layout: object) -> go.Figure:
    """Title and axes (x, then y), the legend in a line under the title."""
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"}
    figure.update_layout(
        template=None,
        title={"text": title},
        height=400,
        legend=legend,
        margin={"t": 100},
        xaxis={"title": {"text": axes[0]}, "zeroline": False},
        yaxis={"title": {"text": axes[1]}, "zeroline": False},
    )
    figure.update_layout(**layout)
    return figure


def square(
    values: Tensor,
    title: str,
    axes: tuple[str, str],
    scale: str,
    *,
    first: int = 0,
    signed: bool = False,
    mark: tuple[int, ...] = (),
) -> go.Figure:
    """`values` (N, C) as a map, row 1 on top, rows counted from `first`; `signed` values take the
    diverging colours. The columns in `mark` are pointed at."""
    heat = go.Heatmap(
        z=[numbers(row) for row in values],
        y0=first,
        coloraxis="coloraxis",
        hovertemplate=f"{axes[1]} %{{y}}, {axes[0]} %{{x}}: %{{z}}<extra></extra>",
    )
    colours: dict[str, object] = {"colorbar": {"title": {"text": scale}}}
    if signed:
        most = float(values.abs().max())
        colours |= {"cmid": 0, "cmin": -most, "cmax": most}
    elif not values.any():
        colours |= {"cmin": 0, "cmax": 1}
    figure = finish(go.Figure(heat), title, axes, height=560, margin={"t": 60})
    figure.update_layout(coloraxis=colours)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=False)
    above = {"y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False}
    for column in mark:
        figure.add_annotation(x=column, text="▼", font={"color": "var(--accent)"}, **above)
    return figure


def words_moved(
    moved: dict[str, Tensor], tokens: Sequence[str], order: Sequence[int], chosen: str
) -> go.Figure:
    """How far each scheme (a row) moves each word (a column); under a word, where it went."""
    went = {place: now for now, place in enumerate(order)}
    names = [f"<b>{name}</b>" if name == chosen else name for name in moved]
    heat = go.Heatmap(
        z=[numbers(row) for row in moved.values()],
        customdata=[[[name, token] for token in tokens] for name in moved],
        coloraxis="coloraxis",
        texttemplate="%{z:.2f}" if len(tokens) <= 16 else None,
        hovertemplate="%{customdata[0]} moves “%{customdata[1]}” by %{z}<extra></extra>",
        xgap=1,
        ygap=1,
    )
    figure = finish(
        go.Figure(heat),
        "Change of each word's output",
        ("word, place before → after", ""),
        margin={"t": 60},
        coloraxis={"cmin": 0, "colorbar": {"title": {"text": "change"}}},
    )
    labels = [f"{token}<br>{place + 1}→{went[place] + 1}" for place, token in enumerate(tokens)]
    figure.update_xaxes(tickvals=list(range(len(tokens))), ticktext=labels, showgrid=False)
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, autorange="reversed", showgrid=False
    )
    return figure


def over_distance(
    curves: Sequence[tuple[str, Tensor, Tensor]], title: str, value: str, offset: int
) -> go.Figure:
    """`curves` of (name, offsets, values), drawn so that those that coincide can all be seen."""
    styles: tuple[dict[str, Any], ...] = (
        {"mode": "lines", "line": {"width": 7}, "opacity": 0.35},
        {"mode": "lines", "line": {"width": 2}},
        {"mode": "markers", "marker": {"size": 4}},
    )
    figure = go.Figure()
    for (name, offsets, values), style in zip(curves, styles, strict=False):
        figure.add_scatter(
            x=offsets.tolist(),
            y=numbers(values),
            name=name,
            hovertemplate="offset %{x}: %{y}",
            **style,
        )
    figure.add_vline(x=offset, line=MARK, annotation={"text": f"offset {offset}"})
    return finish(figure, title, ("offset: the key's place less the query's", value))


def wave(
    fine: tuple[Tensor, Tensor] | None, places: Tensor, points: Tensor, title: str, period: float
) -> go.Figure:
    """Two channels over the places: dots at each of `places` (N,), `points` (N, 2), on the curves
    `fine` of (places, (M, 2)) where there are any between, and how long one wave is."""
    at, curves = fine or (places, points)
    figure = go.Figure()
    for channel, name in enumerate(("first channel", "second channel")):
        color = f"var(--series-{channel + 1})"
        line = {"width": 2 if fine else 1, "color": color}
        figure.add_scatter(
            x=numbers(at),
            y=numbers(curves[:, channel]),
            mode="lines",
            line=line,
            name=name,
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=places.tolist(),
            y=numbers(points[:, channel]),
            mode="markers",
            marker={"size": 7 if len(places) <= 80 else 4, "color": color},
            showlegend=False,
            hovertemplate=f"position %{{x}}, {name}: %{{y}}<extra></extra>",
        )
    start, end = int(places[0]), int(places[-1])
    if start + period <= end:
        figure.add_vline(x=start, line=MARK)
        figure.add_vline(x=start + period, line=MARK, annotation={"text": "one wave"})
    return finish(figure, title, ("position in the text", "value"))


def wavelengths(periods: Sequence[float], chosen: int, length: int, title: str) -> go.Figure:
    """How many places one wave of every pair takes, on a log scale, `chosen` (1, 2, ...) larger."""
    pairs = list(range(1, len(periods) + 1))
    figure = go.Figure(
        go.Scatter(
            x=pairs,
            y=[float(f"{period:.4g}") for period in periods],
            mode="markers",
            marker={"size": [14 if pair == chosen else 6 for pair in pairs], "opacity": 1},
            hovertemplate="pair %{x}: one turn in %{y} positions<extra></extra>",
        )
    )
    figure.add_hline(y=length, line=MARK)
    figure.add_annotation(
        x=1,
        xref="paper",
        xanchor="right",
        y=math.log10(length),
        yanchor="top",
        text=f"above {length} positions: no full turn",
        showarrow=False,
    )
    figure = finish(figure, title, ("pair of channels", "positions (log)"))
    figure.update_yaxes(type="log", dtick=1)
    return figure.update_layout(height=360, margin={"t": 60}, showlegend=False)


def arrows(tips: Sequence[tuple[str, Tensor]], trails: Sequence[Tensor], title: str) -> go.Figure:
    """Vectors of a plane as arrows from 0 to `tips` of (label, (2,)), two by two in one colour;
    `trails` (M, 2) are the tip of every second one at each place on its way."""
    figure = go.Figure()
    most = max(float(tip.norm()) for _, tip in tips)
    for number, (label, tip) in enumerate(tips):
        color, second = f"var(--series-{number // 2 + 1})", bool(number % 2)
        if second:
            figure.add_trace(_dots(trails[number // 2], color))
        figure.add_trace(_arrow(tip, label, color, "dash" if second else "solid"))
        x, y = numbers(tip * 1.22 * most / float(tip.norm().clamp_min(1e-9)))
        figure.add_annotation(x=x, y=y, text=label, showarrow=False)
    ring = {"x0": -most, "x1": most, "y0": -most, "y1": most}
    figure.add_shape(type="circle", line={"color": "var(--line)"}, layer="below", **ring)
    span = [-1.5 * most, 1.5 * most]
    figure = finish(figure, title, ("first channel", "second channel"), showlegend=False)
    figure.update_xaxes(range=span, constrain="domain")
    figure.update_yaxes(range=span, scaleanchor="x", constrain="domain")
    return figure.update_layout(height=500, margin={"t": 60})


def _dots(points: Tensor, color: str) -> go.Scatter:
    x, y = numbers(points[:, 0]), numbers(points[:, 1])
    marker = {"size": 6, "color": color}
    return go.Scatter(x=x, y=y, mode="markers", marker=marker, hoverinfo="skip")


def _arrow(tip: Tensor, label: str, color: str, dash: str) -> go.Scatter:
    x, y = numbers(tip)
    head = {"symbol": "arrow", "size": [0, 14], "angleref": "previous", "opacity": 1}
    return go.Scatter(
        x=[0, x],
        y=[0, y],
        mode="lines+markers",
        line={"color": color, "width": 2, "dash": dash},
        marker=head | {"color": color},
        hovertemplate=f"{label}: (%{{x}}, %{{y}})<extra></extra>",
    )
