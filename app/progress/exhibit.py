"""A figure of the progress page: Plotly's JSON in the labs' colours, its table, its sentence.

The JSON is written out rather than built by plotly.py, whose validation of eleven figures
takes longer than all the statistics; a test has plotly.py accept each of them.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from app.labs.illustration import Table
from app.progress.intervals import FEW

Axis = dict[str, Any]
LEGEND = {"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"}


@dataclass(frozen=True)
class Exhibit:
    """What one figure shows. Without one yet, `reading` says what it will show and what to do."""

    name: str
    title: str
    reading: str
    table: Table | None = None
    figure: dict[str, Any] | None = None
    note: str = ""  # the definition behind it
    caution: str = ""  # where numbers are small

    @property
    def rows(self) -> tuple[tuple[str | float, ...], ...]:
        return self.table.rows if self.table else ()


def figure(
    title: str, traces: list[dict[str, Any]], x: Axis, y: Axis, height: int = 340, **layout: Any
) -> dict[str, Any]:
    """Traces on two axes, in the shape that static/js/plot.js draws."""
    base = {"title": {"text": title}, "height": height, "xaxis": x, "yaxis": y}
    legend = {"legend": LEGEND, "showlegend": sum("name" in trace for trace in traces) > 1}
    return {"data": traces, "layout": base | legend | layout}


def axis(title: str, **more: Any) -> Axis:
    return {"title": {"text": title}, **more}


def percent_axis(title: str, **more: Any) -> Axis:
    return axis(title, **{"range": [-2, 102], "ticksuffix": " %", "fixedrange": True, **more})


def percent(share: float) -> float:
    """A share of 0 to 1 as percent to one decimal."""
    return round(100 * float(share), 1)


def spread(values: list[float], low: list[float], high: list[float]) -> dict[str, Any]:
    """Error bars from `low` to `high`, in percent like `values`."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [round(top - value, 1) for value, top in zip(values, high, strict=True)],
        "arrayminus": [round(value - floor, 1) for value, floor in zip(values, low, strict=True)],
        "thickness": 1.2,
        "width": 4,
    }


def in_percent(value: float) -> str:
    """A share of 0 to 1 as a text says it."""
    return f"{100 * value:.0f}\N{NO-BREAK SPACE}%"


def count_of(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def few(count: int) -> str:
    """What to say where numbers are small."""
    return f"Only {count} so far: few to judge by." if count < FEW else ""


def day(value: date) -> str:
    """A date as a text says it."""
    return f"{value.day} {value:%B %Y}"
