"""Jinja2 for the pages: strict about undefined names, escaping everything but our own HTML."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fastapi import Request
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app import markdown
from app.assets import Assets
from app.question import Point
from app.quotes import pieces
from app.settings import ROOT
from app.tables import Verdict

BY_URGENCY = ("unsure", "", "contradicted", "missing", "made")
# Written so in a script element, JSON cannot end it.
ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def _embedded_json(value: Any) -> Markup:
    """A value, or JSON text that is ready, for a `<script type="application/json">`."""
    text = value if isinstance(value, str) else json.dumps(value)
    return Markup(text.translate(ESCAPES))


def _moment(value: datetime) -> Markup:
    """A UTC moment; the browser, where it can, shows it in the reader's own zone."""
    text = f"{value.day} {value:%B %Y, %H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), text)


def _until(due: datetime, moment: datetime) -> str:
    """How long it is from `moment` to `due`, as a button says it."""
    minutes = (due - moment).total_seconds() / 60
    days = minutes / (24 * 60)
    if minutes < 60:
        return f"{max(1, round(minutes))} min"
    if days < 1:
        return f"{round(minutes / 60)} h"
    if days < 60:
        return _plural(round(days), "day")
    return f"{days / 30.44:.0f} months" if days < 730 else f"{days / 365.25:.1f} years"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _by_mark(
    points: Sequence[Point], verdicts: Mapping[str, Verdict]
) -> list[tuple[str, list[tuple[int, Point]]]]:
    """The points with their numbers, by verdict; those first that ask something."""
    held: dict[str, list[tuple[int, Point]]] = {mark: [] for mark in BY_URGENCY}
    for number, point in enumerate(points, 1):
        held[verdicts[point.id].verdict if point.id in verdicts else ""].append((number, point))
    return [(mark, group) for mark, group in held.items() if group]


def _navigation(request: Request) -> dict[str, Any]:
    return {"path": request.url.path}


def build(assets: Assets) -> Jinja2Templates:
    """The template engine, with our filters and the addresses of `assets`."""
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = assets.url
    environment.globals["assets"] = assets
    environment.filters["markdown"] = lambda text: Markup(markdown.render(text))
    environment.filters["markdown_line"] = lambda text: Markup(markdown.render_inline(text))
    environment.filters["embedded_json"] = _embedded_json
    environment.filters["moment"] = _moment
    environment.filters["plural"] = _plural
    environment.filters["until"] = _until
    environment.filters["pieces"] = pieces
    environment.filters["by_mark"] = _by_mark
    return Jinja2Templates(env=environment, context_processors=[_navigation])
