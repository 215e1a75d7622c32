"""A sketch puts a figure's values where they belong, in the style sheet's colours."""

import re
from typing import Any
from xml.etree import ElementTree

import plotly.graph_objects as go
import pytest

from app.sketch import EDGE, HEIGHT, WIDTH, draw

INNER = WIDTH - 2 * EDGE, HEIGHT - 2 * EDGE


def paths(figure: go.Figure) -> list[tuple[str, list[tuple[float, float]]]]:
    """The style and the points of each path; of a cell, its corner."""
    _, *drawn = ElementTree.fromstring(draw(figure.to_plotly_json()))
    return [
        (
            path.get("style", ""),
            [
                (float(x), float(y))
                for x, y in re.findall(r"([\d.-]+) ([\d.-]+)", path.get("d", ""))
            ],
        )
        for path in drawn
    ]


def line(figure: go.Figure) -> list[tuple[float, float]]:
    """The points of the last path."""
    return paths(figure)[-1][1]


def test_a_line_rises_where_its_values_do() -> None:
    xs, ys = zip(*line(go.Figure(go.Scatter(x=[0, 1, 2], y=[1, 3, 2]))), strict=True)
    assert list(xs) == sorted(xs)
    assert ys[1] < ys[2] < ys[0]  # downwards in a picture
    assert all(EDGE <= x <= WIDTH - EDGE for x in xs)
    assert all(EDGE <= y <= HEIGHT - EDGE for y in ys)


def test_a_reversed_axis_is_turned_over() -> None:
    layout = {"yaxis": {"autorange": "reversed"}}
    _, ys = zip(*line(go.Figure(go.Scatter(y=[1, 3, 2]), layout)), strict=True)
    assert ys[0] < ys[2] < ys[1]


def test_on_a_log_axis_tenfold_is_everywhere_as_far() -> None:
    figure = go.Figure(go.Scatter(x=[1, 2, 3], y=[0.1, 1, 10]), {"yaxis": {"type": "log"}})
    (_, a), (_, b), (_, c) = line(figure)
    assert a - b == pytest.approx(b - c, abs=0.2)


def test_a_value_that_is_missing_parts_the_line() -> None:
    for missing in (None, float("nan")):
        figure = go.Figure(go.Scatter(x=[0, 1, 2, 3, 4], y=[1, 2, missing, 2, 1]))
        assert [len(points) for _, points in paths(figure)[1:]] == [2, 2]


def test_a_map_has_a_cell_for_each_value_in_its_step_of_the_ramp() -> None:
    figure = go.Figure(go.Heatmap(z=[[0, 1], [0.5, None]], coloraxis="coloraxis"))
    found = dict(paths(figure))
    steps = {re.sub(r"\D", "", style): points for style, points in found.items()}
    assert steps == {
        "0": [(EDGE, HEIGHT / 2)],
        "4": [(EDGE, EDGE)],
        "8": [(WIDTH / 2, HEIGHT / 2)],
    }


def test_a_large_map_keeps_what_is_farthest_from_zero() -> None:
    z = [[0.0] * 1000 for _ in range(500)]
    z[321][777] = -1.0
    figure = go.Figure(go.Heatmap(z=z, coloraxis="coloraxis"), {"coloraxis": {"cmid": 0}})
    found = dict(paths(figure))
    [(x, y)] = next(points for style, points in found.items() if style.endswith("-0)"))
    assert (x - EDGE) / INNER[0] == pytest.approx(0.777, abs=0.02)
    assert 1 - (y - EDGE) / INNER[1] == pytest.approx(321 / 500, abs=0.04)
    assert sum(map(len, found.values())) == 48 * 32


def test_bars_stand_on_each_other_or_side_by_side() -> None:
    bars = [go.Bar(y=[1, 2]), go.Bar(y=[3, 4])]
    stacked = [points for _, points in paths(go.Figure(bars, {"barmode": "stack"}))[1:]]
    assert stacked[2][0] == stacked[0][3]  # the second series starts where the first ends
    beside = [points for _, points in paths(go.Figure(bars))[1:]]
    assert beside[2][0][0] == pytest.approx(beside[0][1][0])
    assert beside[2][0][1] == beside[0][0][1]


def test_a_rule_stands_at_its_value() -> None:
    figure = go.Figure(go.Scatter(x=[0, 10], y=[0, 1], mode="lines"))
    figure.add_vline(5)
    ends = [points for _, points in paths(figure)[1:-1]]
    (a, _), (b, _) = line(figure)
    assert [x for x, _ in ends[0]] == [pytest.approx((a + b) / 2, abs=0.2)] * 2


@pytest.mark.parametrize("data", [[], [{"type": "pie", "values": [1]}], [{"type": "scatter"}]])
def test_what_cannot_be_drawn_is_left_out(data: list[dict[str, Any]]) -> None:
    _, *drawn = ElementTree.fromstring(draw({"data": data, "layout": {}}))
    assert drawn == []


def test_light_and_dark_name_the_same_colours() -> None:
    light, dark = re.findall(r"svg\{(.*?)\}", draw({}))
    names = [re.findall(r"(--[\w-]+):", block) for block in (light, dark)]
    assert names[0] == names[1]
    assert {"--ramp-0", "--ramp-8", "--ramp-diverging-8", "--series-5", "--line"} <= set(names[0])
    assert light != dark
