"""Four ways to look at one scheme of positions: what it puts in, over distance, as a wave, as a
rotation. Each is a whole illustration.

N places, C channels.
"""

import math
from dataclasses import dataclass

import torch
from plotly.graph_objects import Figure
from torch import Tensor

from app.labs.illustration import Illustration, Table
from app.labs.parts import scheme_checks as measure
from app.labs.parts import scheme_figures as draw
from app.labs.parts.schemes import (
    CHANNELS,
    PAIRS,
    QUANTITIES,
    WAYS,
    WITH_VECTORS,
    affinity,
    channels_of,
    places_of,
    plane,
    title_of,
    turn,
    vectors,
)
from model.checkpoint import Models
from model.config import PositionKind


@dataclass(frozen=True)
class Subject:
    """What is looked at: a scheme, one pair of its channels (or head), so many positions."""

    scheme: PositionKind
    pair: int
    offset: int
    count: int


def put_in(subject: Subject, models: Models) -> Illustration:
    """The matrix: vectors by position, or what is added to each query's score on each key."""
    scheme, places = subject.scheme, places_of(subject.scheme, subject.count)
    step = -(-subject.count // 32)  # a table of 32 rows at most
    if scheme in WITH_VECTORS:
        values, columns = vectors(scheme, places, models), range(CHANNELS)
        figure = _map_of_vectors(subject, values, int(places[0]))
        checks = measure.vectors_put_in(scheme, values, models)
    else:
        values = affinity(scheme, places, subject.pair, models)
        columns = range(0, subject.count, step)
        axes = ("position of the key", "position of the query")
        figure = draw.square(values, _title(subject), axes, QUANTITIES[scheme])
        checks = measure.scores_over_distance(scheme, values)
    return Illustration(
        figures=(figure,),
        reading=f"{WAYS[scheme]}. {_describe(subject, values)}",
        checks=checks,
        table=Table(
            ("position", *(str(column) for column in columns)),
            tuple(
                (int(places[row]), *draw.numbers(values[row, list(columns)]))
                for row in range(0, len(values), step)
            ),
        ),
        notes=_notes(scheme),
    )


def _map_of_vectors(subject: Subject, values: Tensor, first: int) -> Figure:
    what = "a vector of ones, turned" if subject.scheme == "rope" else "the vector that is added"
    across = "direction, strongest first" if subject.scheme == "learned" else "channel"
    return draw.square(
        values,
        f"{title_of(subject.scheme)}: {what}, by position",
        (across, "position"),
        "value",
        first=first,
        signed=True,
        mark=channels_of(subject.scheme, subject.pair),
    )


def _describe(subject: Subject, values: Tensor) -> str:
    match subject.scheme:
        case "sinusoidal":
            return (
                "A row is a position, two columns are a sine and a cosine: quick on the left, slow "
                f"on the right. ▼ marks pair {subject.pair}."
            )
        case "rope":
            return (
                "The waves are the sinusoidal ones, cosines on the left and sines on the right, "
                f"but they multiply and are not added. ▼ marks pair {subject.pair}."
            )
        case "learned":
            strength = values.square().sum(dim=0)  # (C,)
            share = float(strength[:12].sum() / strength.sum())
            return (
                f"Of {CHANNELS} directions shown, 12 hold {share:.0%} of what differs between "
                "positions, and training has found waves there by itself."
            )
        case "none":
            return "Every score is left as it is: the map is empty."
    low, high = float(values.min()), float(values.max())
    return f"Each diagonal has one value, for distance is all it knows: {low:.4g} to {high:.4g}."


def compare(subject: Subject, models: Models) -> Illustration:
    """What a score feels over the distance, to queries at the start, in the middle, at the end."""
    scheme, places = subject.scheme, places_of(subject.scheme, subject.count)
    values = affinity(scheme, places, subject.pair, models)  # (N, N)
    last = len(places) - 1
    offset, rows = min(subject.offset, last), (0, last // 2, last)
    curves = [(f"query at {int(places[row])}", places - places[row], values[row]) for row in rows]
    near, next_door, far = (float(values[0, k]) for k in (0, 1, offset))
    return Illustration(
        figures=(draw.over_distance(curves, _title(subject), QUANTITIES[scheme], subject.offset),),
        reading=(
            f"{WAYS[scheme]}. From a query at {int(places[0])}: {near:.3g} at offset 0, "
            f"{next_door:.3g} at 1, {far:.3g} at {offset}. Three queries are drawn: where their "
            "curves lie on one another, it does not matter where in the text the two stand."
        ),
        checks=measure.scores_over_distance(scheme, values),
        table=Table(
            ("offset", *(name for name, _, _ in curves)),
            tuple(
                (k, *(_value(values[row], row + k) for row in rows)) for k in range(-last, last + 1)
            ),
        ),
        notes=_notes(scheme),
    )


def follow(subject: Subject, models: Models) -> Illustration:
    """One pair of channels over the positions, and the wavelengths of all."""
    scheme, places = subject.scheme, places_of(subject.scheme, subject.count)
    channels = list(channels_of(scheme, subject.pair))
    values = vectors(scheme, places_of(scheme, subject.count + subject.offset), models)
    points = values[: subject.count, channels]  # (N, 2)
    periods = measure.periods(scheme, values)
    period = periods[subject.pair - 1]
    title = f"{_pair(subject)}: one wave in {period:.4g} positions"
    if scheme == "learned":  # there is nothing between two rows of a table
        figures = [draw.wave(None, places, points, title, period)]
    else:
        between = torch.arange(8 * (subject.count - 1) + 1) / 8  # (8N - 7,)
        fine = between, vectors(scheme, between, models)[:, channels]
        lengths = draw.wavelengths(periods, subject.pair, subject.count, "Wavelength of each pair")
        figures = [draw.wave(fine, places, points, title, period), lengths]
    return Illustration(
        figures=tuple(figures),
        reading=f"{WAYS[scheme]}. {_pace(subject, values, period)}",
        checks=(
            measure.geometric(periods),
            measure.shift_turns(values[:, channels], subject.offset),
        ),
        table=Table(
            ("position", "first channel", "second channel"),
            tuple(
                (int(place), *draw.numbers(row)) for place, row in zip(places, points, strict=True)
            ),
        ),
        notes=_notes(scheme),
    )


def _pace(subject: Subject, values: Tensor, period: float) -> str:
    said = (
        f"From one position to the next this pair turns by {360 / period:.3g}°: in "
        f"{subject.count} positions it comes round {subject.count / period:.2g} times. "
    )
    if subject.scheme != "learned":
        return said + "A quick pair tells neighbours apart, a slow one tells regions apart."
    left = [
        turn(values[:, list(channels_of("learned", pair))], 1)[1] for pair in range(1, PAIRS + 1)
    ]
    steadiest = min(range(PAIRS), key=left.__getitem__)
    return said + (
        f"No rule made it: one turn misses the next position by {left[subject.pair - 1]:.0%} of "
        f"the length. The steadiest is pair {steadiest + 1}, with {left[steadiest]:.0%}."
    )


def rotate(subject: Subject, models: Models) -> Illustration:
    """One pair of channels as arrows, at one offset and from two starts; and their score."""
    scheme, offset, count = subject.scheme, subject.offset, subject.count
    starts = (0, count // 2)
    places = places_of(scheme, count + starts[1] + offset)
    asks, asked = plane(scheme, places, subject.pair, models)  # (N, 2) each
    turns = scheme in WITH_VECTORS
    tips = _tips(scheme, places, (asks, asked), starts, offset)
    trails = [asked[start : start + offset + 1] for start in starts]
    curves = [
        (f"from {int(places[start])}", torch.arange(count), asked[start:][:count] @ asks[start])
        for start in starts
    ]
    title = f"{_pair(subject)}: {offset} positions on, twice"
    return Illustration(
        figures=(
            draw.arrows(tips, trails, title),
            draw.over_distance(curves, "Their product over the offset", "dot product", offset),
        ),
        reading=f"{WAYS[scheme]}. {_angles(subject, tips)}",
        checks=(
            measure.offset_alone(scheme, asks @ asked.T),
            measure.shift_turns(asked, offset) if turns else measure.unturned(asked),
        ),
        table=Table(
            ("offset", *(name for name, _, _ in curves)),
            tuple((k, *(_value(values, k) for _, _, values in curves)) for k in range(count)),
        ),
        notes=_notes(scheme),
    )


def _tips(
    scheme: PositionKind,
    places: Tensor,
    sides: tuple[Tensor, Tensor],
    starts: tuple[int, int],
    offset: int,
) -> list[tuple[str, Tensor]]:
    """The arrows (2,) of what asks and of what is asked, for both starts, labelled."""
    asks, asked = sides
    if scheme not in WITH_VECTORS:
        return [("query, key", asks[0])]
    one, other = ("query", "key") if scheme == "rope" else ("position", "position")
    tips = []
    for start in starts:
        tips.append((f"{one} {int(places[start])}", asks[start]))
        tips.append((f"{other} {int(places[start + offset])}", asked[start + offset]))
    return tips


def _angles(subject: Subject, tips: list[tuple[str, Tensor]]) -> str:
    if subject.scheme not in WITH_VECTORS:
        return "It turns no vector: a query and a key that are alike stay so, wherever they stand."
    headings = [math.degrees(math.atan2(float(tip[1]), float(tip[0]))) for _, tip in tips]
    between = [abs((headings[i + 1] - headings[i] + 180) % 360 - 180) for i in (0, 2)]
    names = [name for name, _ in tips]
    return (
        f"Between {names[0]} and {names[1]} there are {between[0]:.1f}°, between {names[2]} and "
        f"{names[3]} {between[1]:.1f}°. The dots are the positions on the way."
    )


def _pair(subject: Subject) -> str:
    pair = f", pair {subject.pair} of {PAIRS}" if subject.scheme in WITH_VECTORS else ""
    return f"{title_of(subject.scheme)}{pair}"


def _title(subject: Subject) -> str:
    head = f", head {subject.pair} of {PAIRS}" if subject.scheme == "alibi" else ""
    return f"{title_of(subject.scheme)}{head}: {QUANTITIES[subject.scheme]}"


def _notes(scheme: PositionKind) -> tuple[str, ...]:
    if scheme == "learned":
        return (
            "MiniLM's trained table, less its mean, which all positions share. Position 0 is left "
            "out: it is only ever that of [CLS]. Pairs are its directions of most variance.",
        )
    if scheme == "relative":
        return ("The biases themselves are trained, and no T5 is here; shown is what is fixed.",)
    return ()


def _value(values: Tensor, place: int) -> float | str:
    return float(f"{float(values[place]):.4g}") if 0 <= place < len(values) else ""
