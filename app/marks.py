"""What a figure shows, without a word: the lines, areas, dots and cells of Plotly's traces."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

MOST = (48, 32)  # columns and rows of cells; of more, the farthest from zero stands for some
STEPS = 9  # of a ramp
COLORWAY = [f"var(--series-{number})" for number in range(1, 6)]

Point = tuple[float, float]
Plane = tuple[str, str]  # a pair of axes


@dataclass(frozen=True)
class Mark:
    """Something to draw at points of a plane."""

    kind: Literal["line", "area", "dots"]
    points: list[Point]
    color: str
    width: float = 1.5
    opacity: float = 1
    dashed: bool = False


@dataclass(frozen=True)
class Cells:
    """A map: the edges of its columns and rows, and a step of the ramp, or none, for each cell."""

    columns: list[float]
    rows: list[float]
    steps: list[list[int | None]]
    ramp: str

    @property
    def points(self) -> list[Point]:
        return [(self.columns[0], self.rows[0]), (self.columns[-1], self.rows[-1])]


def read_marks(figure: Mapping[str, Any]) -> dict[Plane, list[Mark | Cells]]:
    """All that is drawn, by the axes on which it stands; unknown kinds of traces are left out."""
    layout = figure.get("layout", {})
    planes: dict[Plane, list[Mark | Cells]] = defaultdict(list)
    traces = list(enumerate(figure.get("data", [])))
    for number, trace in traces:
        plane = trace.get("xaxis", "x"), trace.get("yaxis", "y")
        axes = [read_axis(layout, name) for name in plane]
        color = COLORWAY[number % len(COLORWAY)]
        if trace["type"] == "heatmap":
            planes[plane].append(_cells(trace, layout))
        elif trace["type"] == "scatter":
            planes[plane] += _scatter(trace, axes, color)
    for plane, bars in _bars(traces, layout).items():
        planes[plane] += bars
    return planes


def read_axis(layout: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What the layout says of the axis called x, y, x2, ..."""
    axis: Mapping[str, Any] = layout.get(f"{name[0]}axis{name[1:]}", {})
    return axis


def _values(values: Sequence[Any] | None, axis: Mapping[str, Any], count: int) -> list[float]:
    """Numbers for what stands on an axis: places for names, powers of ten where it is so scaled;
    not a number for what is missing."""
    given = list(range(count)) if values is None else list(values)
    names = list(dict.fromkeys(value for value in given if isinstance(value, str)))
    numbers = [names.index(value) if isinstance(value, str) else value for value in given]
    if axis.get("type") == "log":
        return [math.log10(v) if v is not None and v > 0 else math.nan for v in numbers]
    return [math.nan if value is None else float(value) for value in numbers]


def _scatter(
    trace: Mapping[str, Any], axes: Sequence[Mapping[str, Any]], color: str
) -> Iterator[Mark]:
    count = max(len(trace.get("x") or ()), len(trace.get("y") or ()))
    xs, ys = (_values(trace.get(k), axis, count) for k, axis in zip("xy", axes, strict=True))
    points = list(zip(xs, ys, strict=True))
    line, marker, mode = trace.get("line", {}), trace.get("marker", {}), trace.get("mode", "lines")
    if trace.get("fill") == "toself":
        yield Mark("area", points, trace.get("fillcolor", color), opacity=trace.get("opacity", 1))
    if "lines" in mode and line.get("width", 2):
        dashed = line.get("dash", "solid") != "solid"
        for run in _runs(points):
            yield Mark("line", run, line.get("color", color), line.get("width", 2), dashed=dashed)
    if "markers" in mode:
        shown = marker.get("color", line.get("color", color))
        size = marker.get("size", 6)
        if isinstance(shown, str) and isinstance(size, int | float):
            dots = [point for run in _runs(points) for point in run]
            yield from _errors(trace.get("error_y", {}).get("array"), points, shown)
            yield Mark("dots", dots, shown, size / 2.4, marker.get("opacity", 1))


def _errors(errors: Sequence[float] | None, points: Sequence[Point], color: str) -> Iterator[Mark]:
    for (x, y), error in zip(points, errors or (), strict=False):
        yield Mark("line", [(x, y - error), (x, y + error)], color, 1)


def _runs(points: Iterable[Point]) -> Iterator[list[Point]]:
    """The points, parted where one is missing."""
    run: list[Point] = []
    for point in points:
        if math.isfinite(point[0]) and math.isfinite(point[1]):
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _bars(
    traces: Iterable[tuple[int, Mapping[str, Any]]], layout: Mapping[str, Any]
) -> dict[Plane, list[Mark]]:
    """All bars of the figure by plane, side by side or stacked."""
    found: dict[Plane, list[Mark]] = defaultdict(list)
    bars = [(number, trace) for number, trace in traces if trace["type"] == "bar"]
    stacked = layout.get("barmode") == "stack"
    tops: dict[float, float] = defaultdict(float)
    for order, (number, trace) in enumerate(bars):
        plane = trace.get("xaxis", "x"), trace.get("yaxis", "y")
        lying = trace.get("orientation") == "h"
        lengths, places = (trace["x"], trace.get("y")) if lying else (trace["y"], trace.get("x"))
        wide = 0.8 if stacked else 0.8 / len(bars)
        for place, length in zip(
            _values(places, {}, len(lengths)), _values(lengths, {}, 0), strict=True
        ):
            if math.isnan(length):
                continue
            start = place - 0.4 + (0 if stacked else order * wide)
            base = tops[place] if stacked else 0.0
            tops[place] += length
            corners = [(start, base), (start + wide, base + length)]
            corners = [(b, a) for a, b in corners] if lying else corners
            (left, low), (right, high) = corners
            box = [(left, low), (right, low), (right, high), (left, high)]
            color = trace.get("marker", {}).get("color")
            chosen = color if isinstance(color, str) else COLORWAY[number % len(COLORWAY)]
            found[plane].append(Mark("area", box, chosen))
    return found


def _cells(trace: Mapping[str, Any], layout: Mapping[str, Any]) -> Cells:
    rows = _thin([list(row) for row in zip(*_thin(trace["z"], MOST[1]), strict=True)], MOST[0])
    rows = [list(row) for row in zip(*rows, strict=True)]
    known = [value for row in rows for value in row if value is not None and math.isfinite(value)]
    axis = layout.get(trace.get("coloraxis", "coloraxis"), {})
    low, high = axis.get("cmin", min(known, default=0)), axis.get("cmax", max(known, default=1))
    if "cmid" in axis:
        far = max(abs(high - axis["cmid"]), abs(low - axis["cmid"]))
        low, high = axis["cmid"] - far, axis["cmid"] + far
    per_step = (STEPS - 1) / ((high - low) or 1)
    steps = [
        [
            None
            if value is None or not math.isfinite(value)
            else min(max(round((value - low) * per_step), 0), STEPS - 1)
            for value in row
        ]
        for row in rows
    ]
    ramp = "ramp-diverging" if "cmid" in axis else "ramp"
    # Every cell of the map is as wide as another; thinned ones stand for as many.
    columns, heights = (
        [count * edge / shown - 0.5 for edge in range(shown + 1)]
        for count, shown in ((len(trace["z"][0]), len(rows[0])), (len(trace["z"]), len(rows)))
    )
    return Cells(columns, heights, steps, ramp)


def _thin(rows: Sequence[Sequence[float | None]], most: int) -> list[list[float | None]]:
    """At most so many rows: of those that fall together, the value farthest from zero stays."""
    if len(rows) <= most:
        return [list(row) for row in rows]
    groups = [rows[len(rows) * i // most : len(rows) * (i + 1) // most] for i in range(most)]
    return [
        [
            max(column, key=lambda v: -1 if v is None else abs(v))
            for column in zip(*group, strict=True)
        ]
        for group in groups
    ]
