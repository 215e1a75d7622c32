"""Every figure is one that Plotly takes, in the page's own colours, with its table and sentence."""

import json
import re

import plotly.graph_objects as go
import pytest
from fastapi import FastAPI
from sqlmodel import Session

from app import progress
from app.progress.history import History
from app.tables import LOCAL_LEARNER
from tests.progress.conftest import NOW

NAMES = (
    "readiness topics mastery calibration forgetting forecast intervals calendar pacing predictions"
).split()
COLOR_KEYS = re.compile(r'"(?:color|fillcolor)": "([^"]*)"')


@pytest.fixture
def report(simulated: History, app: FastAPI, session: Session) -> progress.Report:
    return progress.study(session, LOCAL_LEARNER, app.state.bank, NOW)


def test_plotly_takes_every_figure(report: progress.Report) -> None:
    assert list(report.exhibits) == NAMES
    for exhibit in report.exhibits.values():
        assert exhibit.figure is not None, exhibit.name
        drawn = go.Figure(exhibit.figure)  # raises for a property that there is not
        assert drawn.layout.title.text == exhibit.title


def test_every_figure_has_a_table_a_sentence_and_named_axes(report: progress.Report) -> None:
    for exhibit in report.exhibits.values():
        assert exhibit.table is not None
        assert exhibit.table.rows
        assert all(len(row) == len(exhibit.table.columns) for row in exhibit.table.rows)
        assert exhibit.reading.endswith(".")
        assert re.search(r"\d", exhibit.reading)
        assert exhibit.figure is not None
        layout = exhibit.figure["layout"]
        assert layout["xaxis"]["title"]["text"] or layout["yaxis"]["title"]["text"]


def test_every_colour_is_the_pages_own(report: progress.Report) -> None:
    for exhibit in report.exhibits.values():
        text = json.dumps(exhibit.figure)
        assert all(color.startswith("var(--") for color in COLOR_KEYS.findall(text))
        assert not re.search(r"#[0-9a-f]{6}|rgb", text)


def test_nothing_is_drawn_before_there_is_something(app: FastAPI, session: Session) -> None:
    report = progress.study(session, LOCAL_LEARNER, app.state.bank, NOW)
    for exhibit in report.exhibits.values():
        assert exhibit.figure is None
        assert exhibit.table is None
        assert exhibit.reading.startswith("This will show")


def test_small_numbers_are_said_to_be_small(report: progress.Report) -> None:
    assert report.exhibits["readiness"].caution.startswith("Only 2 rated so far")
    assert report.exhibits["intervals"].caution.startswith("Only 2 so far")
    assert report.exhibits["calibration"].caution == ""
