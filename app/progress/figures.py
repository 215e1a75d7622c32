"""Where one stands, drawn: readiness, mastery, calibration."""

from typing import Any

from app.labs.illustration import Table
from app.progress import calibration, mastery, readiness
from app.progress.calibration import Calibration, Reliability
from app.progress.exhibit import (
    Exhibit,
    axis,
    count_of,
    few,
    figure,
    in_percent,
    percent,
    percent_axis,
    spread,
)
from app.progress.intervals import DRAWS
from app.progress.mastery import LEVELS, Level, Mastery
from app.progress.readiness import Readiness

# Of the accent, so that darker is better in light and brighter in dark.
OPACITY: dict[Level, float] = {
    "mastered": 1,
    "proficient": 0.65,
    "familiar": 0.4,
    "attempted": 0.2,
    "new": 0.07,
}
READINESS_NOTE = (
    "For each question: the chance that FSRS gives of recalling it now, times the share of its "
    "essential points that your last marked answer to the whole question made. A question never "
    "practised counts 0. Readiness is the mean over {questions} questions, the timed talks left "
    "out; the interval is a bootstrap over questions ({draws:,} draws). Ahead it is assumed that "
    "what you made of a question stays as it is, and that new questions go on at the pace of the "
    "last 14 days and as those of these days went; with reviews no question falls below the "
    "retention that the schedule works towards, without them FSRS's curves fall to that day."
)


def over_time(found: Readiness | None) -> Exhibit:
    name, title = "readiness", "Readiness over time"
    if found is None:
        return Exhibit(
            name,
            title,
            "This will show what share of its essential points you would be expected to make of a "
            "question asked at random, day by day and on the day of the interview: answer a "
            "question in a session, mark its points and rate it.",
        )
    days = [day.isoformat() for day in found.days]
    mean = [percent(share.mean) for share in found.line]
    low = [percent(share.low) for share in found.line]
    high = [percent(share.high) for share in found.line]
    line = {
        "x": days,
        "y": mean,
        "name": "readiness",
        "mode": "lines" if len(days) > 5 else "lines+markers",
        "line": {"color": "var(--series-1)", "width": 2.5},
        "hovertemplate": "%{x}: %{y} %",
    }
    ahead = _ahead(found)
    rows: list[tuple[str | float, ...]] = [
        (at.isoformat(), *row)
        for at, row in zip(found.days, zip(mean, low, high, strict=True), strict=True)
    ]
    rows += [(f"{one['x'][1]}, {one['name']}", one["y"][1], "", "") for one in ahead]
    return Exhibit(
        name,
        title,
        readiness.said(found),
        Table(("day", "readiness, %", "from", "to"), tuple(rows)),
        figure(
            title,
            [band(days, low, high), *ahead, line],
            axis("", type="date"),
            percent_axis("points made, %"),
        ),
        READINESS_NOTE.format(questions=found.questions, draws=DRAWS),
        _cautions(found),
    )


def _ahead(found: Readiness) -> list[dict[str, Any]]:
    """The lines on to the day of the interview, where it is set."""
    to = found.projection
    if to is None:
        return []
    return [
        {
            "x": [found.days[-1].isoformat(), to.day.isoformat()],
            "y": [percent(found.today.mean), percent(value)],
            "name": f"to the interview, {label}",
            "mode": "lines+markers",
            "line": {"color": "var(--series-2)", "dash": dash, "width": 1.5},
            "hovertemplate": "%{x}: %{y} %",
        }
        for label, value, dash in (
            ("with reviews", to.reviewed, "dash"),
            ("without", to.left_alone, "dot"),
        )
    ]


def _cautions(found: Readiness) -> str:
    said = few(found.rated).replace("so far", "rated so far")
    if found.unrated:
        unrated = count_of(found.unrated, "question")
        said += f" {unrated} answered outside of a session, never rated and counted 0."
    return said.strip()


def by_topic(found: Readiness | None) -> Exhibit:
    name, title = "topics", "Readiness by topic"
    if found is None:
        return Exhibit(
            name, title, "This will show readiness topic by topic, once a question has been rated."
        )
    rows = found.weakest[::-1]
    mean = [percent(row.share.mean) for row in rows]
    low, high = ([percent(getattr(row.share, end)) for row in rows] for end in ("low", "high"))
    dots = {
        "x": mean,
        "y": [row.topic for row in rows],
        "mode": "markers",
        "marker": {"color": "var(--series-1)", "size": 9},
        "error_x": spread(mean, low, high) | {"color": "var(--series-1)"},
        "hovertemplate": "%{y}: %{x} %<extra></extra>",
    }
    weakest, best = found.weakest[0], found.weakest[-1]
    return Exhibit(
        name,
        title,
        f"Weakest is {weakest.topic} at {in_percent(weakest.share.mean)} ({weakest.rated} of "
        f"{count_of(weakest.questions, 'question')} rated), strongest {best.topic} at "
        f"{in_percent(best.share.mean)} ({best.rated} of {best.questions} rated).",
        Table(
            ("topic", "questions", "rated", "readiness, %", "from", "to"),
            tuple(
                (row.topic, row.questions, row.rated, *ends)
                for row, ends in zip(
                    rows[::-1], list(zip(mean, low, high, strict=True))[::-1], strict=True
                )
            ),
        ),
        figure(
            title,
            [dots],
            percent_axis("essential points made, %"),
            axis(""),
            height=110 + 24 * len(rows),
        ),
    )


def levels(found: Mastery) -> Exhibit:
    name, title = "mastery", "Questions by level"
    if not sum(count for level, count in found.counts.items() if level != "new"):
        return Exhibit(
            name,
            title,
            "This will show the questions of each topic by level, attempted, familiar, proficient "
            "or mastered, once you have answered one; levels can fall.",
        )
    topics = found.topics[::-1]
    bars: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": level,
            "x": [row.counts[level] for row in topics],
            "y": [row.topic for row in topics],
            "marker": {"color": "var(--series-1)"},
            "opacity": OPACITY[level],
            "hovertemplate": "%{y}: %{x} " + level + "<extra></extra>",
        }
        for level in reversed(LEVELS)
    ]
    return Exhibit(
        name,
        title,
        mastery.said(found),
        Table(
            ("topic", "level of the topic", *LEVELS),
            tuple((row.topic, row.level, *row.counts.values()) for row in found.topics),
        ),
        figure(
            title,
            bars,
            axis("questions", tickformat="d"),
            axis("", showgrid=False),
            height=130 + 24 * len(topics),
            barmode="stack",
        ),
    )


def reliability(found: Calibration) -> Exhibit:
    name, title = "calibration", "Confidence against what came out"
    named = (("you", found.candidate, 2, "circle"), ("the grader", found.grader, 1, "square"))
    shown = [(label, one, series, mark) for label, one, series, mark in named if one]
    if not shown:
        return Exhibit(
            name,
            title,
            "This will show how often you were right when you said “sure”, “fairly” or “guess”, "
            "beside the grader's own confidence: state a confidence with your next answer and "
            "mark its points.",
        )
    traces: list[dict[str, Any]] = [
        {
            "x": [0, 100],
            "y": [0, 100],
            "mode": "lines",
            "line": {"color": "var(--ink-soft)", "dash": "dot", "width": 1},
            "hoverinfo": "skip",
            "showlegend": False,
        }
    ]
    rows: list[tuple[str | float, ...]] = []
    for label, one, series, mark in shown:
        traces.append(_dots(label, one, series, mark))
        for each in one.bins:
            ends = (percent(each.low), percent(each.high))
            rows.append((label, percent(each.stated), percent(each.observed), *ends, each.count))
        rows.append((f"{label}: Brier score", round(one.brier, 3), "", "", "", one.count))
    least = min(one.count for _, one, _, _ in shown)
    return Exhibit(
        name,
        title,
        calibration.said(found),
        Table(("who", "stated, %", "came out, %", "from", "to", "how many"), tuple(rows)),
        figure(
            title,
            traces,
            percent_axis("stated confidence, %"),
            percent_axis("came out so, %"),
            height=420,
        ),
        "Sure, fairly and guess are taken as 90, 60 and 30 % that an answer holds: every essential "
        "point made, nothing contradicted. The grader was right where its verdict is the one that "
        "counts in the end; a verdict that you left alone counts as right, which flatters it. "
        "Bars are 95 % intervals, numbers how many." + _open(found),
        few(least),
    )


def _open(found: Calibration) -> str:
    if not found.open:
        return ""
    verb = "is" if found.open == 1 else "are"
    return f" {count_of(found.open, 'answer')} whose outcome {verb} open left out."


def _dots(label: str, one: Reliability, series: int, mark: str) -> dict[str, Any]:
    observed = [percent(each.observed) for each in one.bins]
    low, high = ([percent(getattr(each, end)) for each in one.bins] for end in ("low", "high"))
    color = f"var(--series-{series})"
    return {
        "x": [percent(each.stated) for each in one.bins],
        "y": observed,
        "name": label,
        "mode": "lines+markers+text",
        "customdata": [f"{each.count:,}" for each in one.bins],
        "texttemplate": "%{customdata}",
        "textposition": "top left" if series == 2 else "bottom right",
        "cliponaxis": False,
        "marker": {"symbol": mark, "size": 8},
        "line": {"color": color, "width": 1.5},
        "error_y": spread(observed, low, high) | {"color": color},
        "hovertemplate": "stated %{x} %, came out %{y} %, %{customdata} in all",
    }


def band(x: list[Any], low: list[float], high: list[float], series: int = 1) -> dict[str, Any]:
    """The area between two lines."""
    return {
        "x": [*x, *x[::-1]],
        "y": [*low, *high[::-1]],
        "fill": "toself",
        "fillcolor": f"var(--series-{series})",
        "opacity": 0.2,
        "line": {"width": 0},
        "mode": "lines",
        "hoverinfo": "skip",
        "showlegend": False,
    }
