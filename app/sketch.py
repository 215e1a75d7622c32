"""A figure as a small picture: its cells, lines, bars and dots as SVG, without a word.

The colours are the site's own variables, copied from the style sheet for light and dark, since a
picture in a page cannot read the page's.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from app.marks import Cells, Mark, Plane, Point, read_axis, read_marks
from app.settings import ROOT

WIDTH, HEIGHT, EDGE = 240, 160, 8
STYLES = ROOT / "static" / "css" / "base.css"


@dataclass(frozen=True)
class Scale:
    """Where the values of an axis lie in the picture."""

    low: float
    high: float
    start: float
    end: float

    @property
    def ends(self) -> Point:
        return self.start, self.end

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1)
        return self.start + share * (self.end - self.start)


def draw(figure: Mapping[str, Any]) -> str:
    """A figure, as Plotly's JSON has it, as SVG; what it cannot draw it leaves out."""
    layout = figure.get("layout", {})
    planes = read_marks(figure).items()
    drawn = [part for plane, marks in planes for part in _plane(plane, marks, layout)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"<style>{_palette()}</style>{''.join(drawn)}</svg>"
    )


def _palette() -> str:
    """The style sheet's colours, light and dark; of each ramp, its steps."""
    light, dark = (
        "".join(
            f"--{name}:{value};"
            if " " not in value
            else "".join(f"--{name}-{step}:{part};" for step, part in enumerate(value.split()))
            for name, value in re.findall(r"--([\w-]+): (#[^;]+);", block)
        )
        for block in re.findall(r":root \{(.*?)\}", STYLES.read_text(), flags=re.DOTALL)
    )
    return f"svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}"


def _plane(names: Plane, marks: Sequence[Mark | Cells], layout: Mapping[str, Any]) -> Iterator[str]:
    """What stands on one pair of axes, placed in the picture."""
    axes = [read_axis(layout, name) for name in names]
    points = [point for mark in marks for point in mark.points if all(map(math.isfinite, point))]
    if not points:
        return
    is_map = any(isinstance(mark, Cells) for mark in marks)
    extents = [_extent([point[i] for point in points], axes[i], is_map) for i in range(2)]
    (left, right), (top, bottom) = _frame(axes, extents)
    across, up = Scale(*extents[0], left, right), Scale(*extents[1], bottom, top)
    if not is_map:
        yield _path("M" + _join([(left, top), (left, bottom), (right, bottom)]), "var(--line)", 1)
    yield from _rules(layout.get("shapes", ()), names, axes, (across, up))
    for mark in marks:
        if isinstance(mark, Cells):
            yield from _draw_cells(mark, across, up)
        else:
            yield _draw_mark(mark, across, up)


def _rules(
    shapes: Iterable[Mapping[str, Any]],
    names: Plane,
    axes: Sequence[Mapping[str, Any]],
    scales: tuple[Scale, Scale],
) -> Iterator[str]:
    """The lines that stand at one value, from side to side."""
    for shape in shapes:
        if shape.get("type") != "line":
            continue
        line = shape.get("line", {})
        style = line.get("color", "var(--line)"), line.get("width", 1)
        for i, other in ((0, 1), (1, 0)):
            key = "xy"[i]
            if shape[f"{key}ref"] == names[i] and shape["xy"[other] + "ref"].endswith("domain"):
                value = shape[f"{key}0"]
                at = scales[i](math.log10(value) if axes[i].get("type") == "log" else value)
                ends = [(at, end) if i == 0 else (end, at) for end in scales[other].ends]
                yield _path("M" + _join(ends), *style, dashed="dash" in line)


def _extent(values: list[float], axis: Mapping[str, Any], tight: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    if axis.get("range"):
        low, high = axis["range"]
        return low, high
    room = 0 if tight else 0.04 * (high - low or 1)
    low = low if low == 0 else low - room
    return (high + room, low) if axis.get("autorange") == "reversed" else (low, high + room)


def _frame(
    axes: Sequence[Mapping[str, Any]], extents: Sequence[tuple[float, float]]
) -> tuple[Point, Point]:
    """The part of the picture that a pair of axes has; square cells where they are so drawn."""
    (x0, x1), (y0, y1) = (axis.get("domain", (0, 1)) for axis in axes)
    left, right = (EDGE + share * (WIDTH - 2 * EDGE) for share in (x0, x1))
    bottom, top = (HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE) for share in (y0, y1))
    if any("scaleanchor" in axis for axis in axes):
        wide, high = (abs(extent[1] - extent[0]) for extent in extents)
        unit = min((right - left) / wide, (bottom - top) / high)
        x, y = (left + right) / 2, (top + bottom) / 2
        left, right = x - unit * wide / 2, x + unit * wide / 2
        top, bottom = y - unit * high / 2, y + unit * high / 2
    return (left, right), (top, bottom)


def _draw_cells(cells: Cells, across: Scale, up: Scale) -> Iterator[str]:
    """One path for each step of the ramp, as long as it need be."""
    gap = 1 if len(cells.columns) + len(cells.rows) < 48 else 0
    paths: dict[int, list[str]] = defaultdict(list)
    for (top, bottom), row in zip(pairwise(map(up, cells.rows)), cells.steps, strict=True):
        for (left, right), step in zip(pairwise(map(across, cells.columns)), row, strict=True):
            if step is not None:
                y, high = min(top, bottom), abs(bottom - top) - gap
                x, wide = min(left, right), abs(right - left) - gap
                paths[step].append(f"M{x:.1f} {y:.1f}h{wide:.1f}v{high:.1f}h-{wide:.1f}z")
    for step, parts in sorted(paths.items()):
        yield f'<path style="fill:var(--{cells.ramp}-{step})" d="{"".join(parts)}"/>'


def _draw_mark(mark: Mark, across: Scale, up: Scale) -> str:
    points = [(across(x), up(y)) for x, y in mark.points]
    if mark.kind == "dots":
        radius = min(mark.width, 4)
        dots = "".join(f"M{x:.1f} {y:.1f}h.01" for x, y in points)
        return _path(dots, mark.color, 2 * radius, mark.opacity)
    if mark.kind == "area":
        style = f"fill:{mark.color};opacity:{mark.opacity:g}"
        return f'<path style="{style}" d="M{_join(points)}z"/>'
    return _path("M" + _join(points), mark.color, mark.width, dashed=mark.dashed)


def _join(points: Iterable[Point]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _path(d: str, color: str, width: float, opacity: float = 1, *, dashed: bool = False) -> str:
    style = f"fill:none;stroke:{color};stroke-width:{width:g};stroke-linecap:round"
    style += ";stroke-linejoin:round" + (";stroke-dasharray:1 4" if dashed else "")
    style += f";opacity:{opacity:g}" if opacity != 1 else ""
    return f'<path style="{style}" d="{d}"/>'
