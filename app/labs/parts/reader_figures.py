"""The figures of two readers of one sentence, a map or a series of bars for each.

N words or tokens.
"""

import plotly.graph_objects as go
from plotly.subplots import make_subplots
from torch import Tensor


def draw_change(moves: dict[str, Tensor], words: list[str], place: int, into: str) -> go.Figure:
    """How much each reader's predictions move, (N,), when the word at `place` becomes another."""
    figure = go.Figure()
    for name, moved_here in moves.items():
        figure.add_bar(name=name, x=list(range(len(words))), y=_short(moved_here))
    figure.add_vline(place, line={"color": "var(--ink-soft)", "width": 1, "dash": "dot"})
    figure.update_layout(
        template=None,
        title={"text": f"“{words[place]}” becomes “{into}”: which predictions move"},
        height=340,
        xaxis=_axis(words, "word predicted"),
        yaxis={"title": {"text": "probability moved"}, "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.35},
    )
    return figure


def draw_maps(maps: dict[str, Tensor], names: dict[str, list[str]], title: str) -> go.Figure:
    """A map (N, N) for each model, side by side; rows ask, columns are read."""
    figure = make_subplots(1, 2, horizontal_spacing=0.24)
    for column, (name, found) in enumerate(maps.items(), 1):
        tokens = names[name]
        figure.add_heatmap(
            z=[_short(row) for row in found],
            customdata=[[[row, read] for read in tokens] for row in tokens],
            coloraxis="coloraxis",
            hovertemplate="%{customdata[0]} ← %{customdata[1]}: %{z:.3f}<extra></extra>",
            xgap=1,
            ygap=1,
            row=1,
            col=column,
        )
        axis = {"constrain": "domain", "tickangle": -45}
        figure.update_xaxes(_axis(tokens, name) | axis, row=1, col=column)
        figure.update_yaxes(_axis(tokens, "") | {"autorange": "reversed"}, row=1, col=column)
    figure.update_layout(
        template=None,
        title={"text": title},
        height=200 + 24 * max(len(tokens) for tokens in names.values()),
        coloraxis={"cmin": 0, "cmax": 1, "colorbar": {"title": {"text": "share"}}},
    )
    return figure


def _axis(words: list[str], title: str) -> dict[str, object]:
    labels = {"tickvals": list(range(len(words))), "ticktext": words}
    return {"title": {"text": title}, "showgrid": False, "zeroline": False, **labels}


def _short(numbers: Tensor) -> list[float]:
    return [round(number, 4) for number in numbers.tolist()]
