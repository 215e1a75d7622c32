"""Habits, drawn: the days, the pace, predictions in labs."""

from datetime import date, timedelta
from typing import Any

from app.labs.illustration import Table
from app.progress import effort, predictions
from app.progress.effort import Effort, Pace
from app.progress.exhibit import (
    Exhibit,
    axis,
    few,
    figure,
    percent,
    spread,
)
from app.progress.predictions import Foreseen

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def calendar(found: Effort, today: date) -> Exhibit:
    name, title = "calendar", "Answers a day, over a year"
    if not found.answers:
        return Exhibit(
            name,
            title,
            "This will show a year of days, darker the more you answered: a day counts once you "
            "submit an answer to a whole question.",
        )
    first = today - timedelta(days=today.weekday() + 52 * 7)
    weeks = [first + timedelta(weeks=week) for week in range(53)]
    cells: list[list[int | None]] = [[] for _ in WEEKDAYS]
    texts: list[list[str]] = [[] for _ in WEEKDAYS]
    for week in weeks:
        for weekday in range(7):
            at = week + timedelta(days=weekday)
            one = found.days.get(at)
            cells[weekday].append(None if at > today else one.answers if one else 0)
            texts[weekday].append(f"{at}: {one.answers}, {one.minutes:.0f} min" if one else f"{at}")
    heat: dict[str, Any] = {
        "type": "heatmap",
        "x": [week.isoformat() for week in weeks],
        "y": list(WEEKDAYS),
        "z": cells,
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "xgap": 1,
        "ygap": 1,
        "coloraxis": "coloraxis",
    }
    rows = tuple(
        (str(at), one.answers, round(one.minutes, 1))
        for at, one in reversed(found.days.items())
        if at >= first
    )
    return Exhibit(
        name,
        title,
        effort.said(found, today),
        Table(("day", "answers", "minutes"), rows),
        figure(
            title,
            [heat],
            axis("week", type="date", showgrid=False, tickformat="%b %Y"),
            axis("", autorange="reversed", showgrid=False),
            height=250,
            coloraxis={"cmin": 0, "colorbar": {"title": {"text": "answers"}, "thickness": 12}},
        ),
        "A day counts once an answer to a whole question was submitted on it; it begins at the "
        "hour you set, in the zone you were in. Minutes are those of these answers.",
    )


def pacing(paces: list[Pace]) -> Exhibit:
    name, title = "pacing", "Time taken against the question's minutes"
    if not paces:
        return Exhibit(
            name,
            title,
            "This will show how long you take against what an interviewer would give: answer a "
            "question with its clock running.",
        )
    given = [pace.minutes for pace in paces]
    taken = [round(pace.taken, 2) for pace in paces]
    ends = ([round(pace.low, 2) for pace in paces], [round(pace.high, 2) for pace in paces])
    top = max(*given, *ends[1]) * 1.08
    traces: list[dict[str, Any]] = [
        {
            "x": [0, top],
            "y": [0, top],
            "mode": "lines",
            "name": "as long as given",
            "line": {"color": "var(--ink-soft)", "dash": "dot", "width": 1},
            "hoverinfo": "skip",
        },
        {
            "x": given,
            "y": taken,
            "mode": "markers+text",
            "name": "median and quartiles",
            "customdata": [str(pace.count) for pace in paces],
            "texttemplate": "%{customdata}",
            "textposition": "middle right",
            "marker": {"color": "var(--series-1)", "size": 9},
            "error_y": spread(taken, *ends) | {"color": "var(--series-1)"},
            "hovertemplate": "%{x} minutes given, %{y} taken, %{customdata} answers<extra></extra>",
        },
    ]
    return Exhibit(
        name,
        title,
        effort.pacing_said(paces),
        Table(
            ("minutes given", "answers", "minutes taken", "quartile", "quartile", "words", "over"),
            tuple(
                (pace.minutes, pace.count, *ends_of, round(pace.words), pace.over)
                for pace, ends_of in zip(paces, zip(taken, *ends, strict=True), strict=True)
            ),
        ),
        figure(
            title,
            traces,
            axis("the question's minutes", rangemode="tozero"),
            axis("minutes taken", rangemode="tozero"),
        ),
        f"The newest {effort.PACED} timed answers; numbers are answers, bars the quartiles.",
        few(sum(pace.count for pace in paces)),
    )


def foreseen(topics: list[Foreseen]) -> Exhibit:
    name, title = "predictions", "Predictions in labs, by topic"
    if not topics:
        return Exhibit(
            name,
            title,
            "This will show how often a lab came out as you expected: open a lab and predict "
            "before you look.",
        )
    rows = topics[::-1]
    counts: tuple[tuple[str, list[int], str], ...] = (
        ("right", [row.right for row in rows], "var(--series-1)"),
        ("wrong", [row.count - row.right for row in rows], "var(--series-2)"),
    )
    bars: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": label,
            "x": numbers,
            "y": [row.topic for row in rows],
            "marker": {"color": color},
            "hovertemplate": "%{y}: %{x} " + label + "<extra></extra>",
        }
        for label, numbers, color in counts
    ]
    return Exhibit(
        name,
        title,
        predictions.said(topics),
        Table(
            ("topic", "right", "of", "share, %", "from", "to"),
            tuple(
                (row.topic, row.right, row.count, percent(row.right / row.count), *ends)
                for row in topics
                for ends in [(percent(row.low), percent(row.high))]
            ),
        ),
        figure(
            title,
            bars,
            axis("predictions", tickformat="d"),
            axis("", showgrid=False),
            height=130 + 24 * len(rows),
            barmode="stack",
        ),
        caution=few(sum(row.count for row in topics)),
    )
