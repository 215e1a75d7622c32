"""Memory, drawn: what a pause costs, what falls due, how far apart reviews have grown."""

from app.labs.illustration import Table
from app.progress import recall
from app.progress.exhibit import (
    Exhibit,
    axis,
    count_of,
    day,
    few,
    figure,
    percent,
    percent_axis,
    spread,
)
from app.progress.recall import ELAPSED, Recall

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def forgetting(found: Recall) -> Exhibit:
    name, title = "forgetting", "Recall after a pause, foreseen and observed"
    if found.retention is None:
        return Exhibit(
            name,
            title,
            "This will show whether you forget as the schedule foresees: rate the same question "
            "again a day or more after the first time.",
        )
    bins = found.by_elapsed
    recalled = [percent(one.recalled) for one in bins]
    low, high = ([percent(getattr(one, end)) for one in bins] for end in ("low", "high"))
    x = [round(one.middle, 1) for one in bins]
    traces = [
        {
            "x": x,
            "y": [percent(one.foreseen) for one in bins],
            "name": "foreseen by FSRS",
            "mode": "lines+markers",
            "line": {"color": "var(--series-1)", "width": 2},
            "hovertemplate": "%{x} days: %{y} % foreseen<extra></extra>",
        },
        {
            "x": x,
            "y": recalled,
            "name": "recalled",
            "mode": "markers+text",
            "customdata": [f"{one.count:,}" for one in bins],
            "texttemplate": "%{customdata}",
            "textposition": "bottom right",
            "marker": {"color": "var(--series-2)", "size": 9, "symbol": "square"},
            "error_y": spread(recalled, low, high) | {"color": "var(--series-2)"},
            "hovertemplate": "%{x} days: %{y} % recalled of %{customdata}<extra></extra>",
        },
    ]
    rows = [
        (one.name, percent(one.foreseen), percent(one.recalled), *ends, one.count)
        for kind in (found.by_elapsed, found.by_chance)
        for one in kind
        for ends in [(percent(one.low), percent(one.high))]
    ]
    return Exhibit(
        name,
        title,
        recall.said(found),
        Table(
            ("pause, or chance foreseen", "foreseen, %", "recalled, %", "from", "to", "tests"),
            tuple(rows),
        ),
        figure(
            title,
            traces,
            axis("days since the rating before (log)", type="log", tickvals=list(ELAPSED)),
            percent_axis("recalled, %"),
        ),
        "Recalled is rated above Again. Foreseen is the retrievability just before the rating, at "
        "the present parameters. Numbers are tests; bars 95 % intervals.",
        few(found.retention.count),
    )


def forecast(found: Recall) -> Exhibit:
    name, title = "forecast", "Falling due in the next 30 days"
    if not found.rated:
        return Exhibit(
            name, title, "This will show what comes back on which day, once a question is rated."
        )
    due = [count for _, count in found.forecast]
    most, top = max((count, -place) for place, count in enumerate(due))
    sentence = f"{count_of(due[0], 'question')} due today and {sum(due)} within 30 days"
    if most:
        sentence += f", at most {most} in one day ({day(found.forecast[-top][0])})"
    bars = {
        "type": "bar",
        "x": [at.isoformat() for at, _ in found.forecast],
        "y": due,
        "marker": {"color": "var(--series-1)"},
        "hovertemplate": "%{x}: %{y} due<extra></extra>",
    }
    return Exhibit(
        name,
        title,
        sentence + ".",
        Table(("day", "questions due"), tuple((at.isoformat(), n) for at, n in found.forecast)),
        figure(
            title,
            [bars],
            axis("", type="date"),
            axis("questions", tickformat="d", rangemode="tozero"),
            height=280,
        ),
        "Those overdue are today's; questions still to come are not counted.",
    )


def intervals(found: Recall) -> Exhibit:
    name, title = "intervals", "Days between the last rating and the next"
    if found.middle_interval is None:
        return Exhibit(
            name,
            title,
            "This will show how far apart reviews have grown, once a question is rated.",
        )
    bars = {
        "type": "bar",
        "x": [label for label, _ in found.intervals],
        "y": [count for _, count in found.intervals],
        "marker": {"color": "var(--series-1)"},
        "hovertemplate": "%{x}: %{y}<extra></extra>",
    }
    return Exhibit(
        name,
        title,
        f"Half of your {count_of(found.rated, 'rated question')} wait "
        f"{found.middle_interval:.1f} days or longer between two ratings.",
        Table(("days", "questions"), tuple(found.intervals)),
        figure(
            title,
            [bars],
            axis("interval, days", type="category"),
            axis("questions", tickformat="d", rangemode="tozero"),
            height=280,
        ),
        caution=few(found.rated),
    )
