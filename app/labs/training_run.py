"""A training run: from knowing nothing to knowing something.

The translator's network begins with random weights and learns from pairs of English and French
sentences as you look on. Untrained, it holds every token of its vocabulary for about as likely, so
that its loss is near ln V. It soon learns how often each word comes, and then, more slowly, which
words go together and with what source. Shuffle the words of the targets and nothing but their
frequency is left to learn: the loss stops there. Without warm-up a high peak rate stops it earlier.
"""

import math
from collections.abc import Generator
from typing import Annotated, Literal

import plotly.graph_objects as go
from pydantic import Field

from app.labs.illustration import (
    Check,
    Frame,
    Illustration,
    LabParams,
    Prediction,
    Table,
    UnfitInput,
)
from app.labs.parts.bands import LEGEND
from app.labs.parts.scratch import Measured, Scratch
from model.checkpoint import Models

BEGIN = 3  # steps that the page itself takes
OFTEN = 10  # steps between two measurements
BELOW = 0.2  # nats that word frequencies do not account for
NEAR = 0.02  # of ln V

PREDICT = Prediction(
    "Where does the loss on unseen sentences end, trained as chosen?",
    (
        "It stays near ln V.",
        "About where it is for who knows how often each token comes.",
        "Clearly below that.",
    ),
)


class Params(LabParams):
    steps: Annotated[
        int,
        Field(title="Steps", description="Of 16 pairs of sentences each.", ge=20, le=200),
    ] = 120
    rate: Annotated[
        float,
        Field(
            title="Peak learning rate",
            description="Of Adam, reached at the end of the warm-up; it falls along a cosine then.",
            ge=1e-5,
            le=0.3,
        ),
    ] = 0.002
    warm_up: Annotated[
        int,
        Field(
            title="Warm-up",
            description="Steps in which the rate rises in a straight line; 0: none.",
            ge=0,
            le=100,
        ),
    ] = 30
    targets: Annotated[
        Literal["as they are", "words shuffled"],
        Field(
            title="Targets",
            description="Shuffled: the tokens of all French sentences change places at random.",
        ),
    ] = "as they are"
    smoothing: Annotated[
        float,
        Field(
            title="Label smoothing",
            description="The share of each target that is spread over the vocabulary.",
            ge=0,
            le=0.5,
            json_schema_extra={"aside": True},
        ),
    ] = 0.05
    sentence: Annotated[
        str,
        Field(
            title="Sentence",
            description="Translated now and then by the network as it learns.",
            min_length=1,
            max_length=100,
            json_schema_extra={"aside": True},
        ),
    ] = "The red cars are not old."


def illustrate(params: Params, models: Models) -> Illustration:
    """The run's first steps."""
    *_, last = run(params, models, BEGIN)
    assert last.illustration is not None
    return last.illustration


def train(params: Params, models: Models) -> Generator[Frame, None, None]:
    """The whole run."""
    yield from run(params, models, params.steps)


def run(params: Params, models: Models, steps: int) -> Generator[Frame, None, None]:
    """The first `steps` of the run that `params` describe."""
    try:
        scratch = Scratch(
            models.translator,
            shuffled=params.targets == "words shuffled",
            smoothing=params.smoothing,
            sentence=params.sentence,
        )
    except ValueError as error:
        raise UnfitInput(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
    measured = [scratch.measure(0.0)]
    yield Frame(0, params.steps, "", draw(params, scratch, measured))
    for step in range(steps):
        rate = params.rate * pace(step, params.steps, params.warm_up)
        loss = scratch.step(rate)
        done = step + 1
        illustration = None
        if done % OFTEN == 0 or done == steps:
            measured.append(scratch.measure(rate))
            illustration = draw(params, scratch, measured)
        yield Frame(done, params.steps, f"loss {loss:.2f}", illustration)


def pace(step: int, steps: int, warm_up: int) -> float:
    """The share of the peak rate: up in a straight line, down along a cosine."""
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return (1 + math.cos(math.pi * done)) / 2


def draw(params: Params, scratch: Scratch, measured: list[Measured]) -> Illustration:
    """The run so far; what its end shows is checked at its end."""
    vocabulary = math.log(scratch.vocabulary)
    frequencies = scratch.frequencies
    first, last = measured[0], measured[-1]
    ended = last.step == params.steps
    checks = [
        Check(
            "Untrained, the network's loss is near ln V.",
            f"{first.held_out:.3f} on unseen sentences; ln {scratch.vocabulary:,} is "
            f"{vocabulary:.3f}",
            abs(first.held_out - vocabulary) < NEAR * vocabulary,
        )
    ]
    if last.step:
        checks.append(
            Check(
                "The loss falls.",
                f"from {first.held_out:.3f} to {last.held_out:.3f} in {last.step} steps",
                last.held_out < first.held_out,
            )
        )
    if ended:
        checks.append(
            Check(
                "The network has learned more than how often each token comes.",
                f"{last.held_out:.3f}; frequencies alone give {frequencies:.3f}",
                last.held_out < frequencies - BELOW,
            )
        )
    outcome = 2 if last.held_out < frequencies - BELOW else 1
    if last.held_out > (vocabulary + frequencies) / 2:
        outcome = 0
    return Illustration(
        figures=(_losses(params, scratch, measured), _rates(params, scratch)),
        reading=_reading(params, scratch, measured),
        checks=tuple(checks),
        table=Table(
            ("step", "learning rate", "loss, unseen", "gradient's norm", "translation"),
            tuple(
                (
                    point.step,
                    float(f"{point.rate:.3g}"),
                    round(point.held_out, 3),
                    round(point.gradient, 3),
                    point.translation,
                )
                for point in measured
            ),
        ),
        outcome=outcome if ended else None,
    )


def _reading(params: Params, scratch: Scratch, measured: list[Measured]) -> str:
    first, last = measured[0], measured[-1]
    frequencies = (
        f"Who knows how often each token comes, and nothing else, has {scratch.frequencies:.2f}."
    )
    if not last.step:
        return f"Untrained, the loss on unseen sentences is {first.held_out:.2f}. {frequencies}"
    said = f"“{last.translation}”" if last.translation else "nothing"
    return (
        f"After {last.step} of {params.steps} steps the loss on {len(scratch.unseen)} unseen "
        f"sentences is {last.held_out:.2f}; it was {first.held_out:.2f} before. {frequencies} The "
        f"network now translates “{params.sentence}” as {said}."
    )


def _losses(params: Params, scratch: Scratch, measured: list[Measured]) -> go.Figure:
    figure = go.Figure()
    figure.add_scatter(
        x=list(range(len(scratch.losses))),
        y=[round(loss, 3) for loss in scratch.losses],
        name="batch, before each step",
        mode="lines",
        line={"width": 1, "color": "var(--series-5)"},
        hovertemplate="step %{x}: %{y}",
    )
    figure.add_scatter(
        x=[point.step for point in measured],
        y=[round(point.held_out, 3) for point in measured],
        name="unseen sentences",
        mode="lines+markers",
        line={"width": 3, "color": "var(--series-1)"},
        hovertemplate="after %{x} steps: %{y}",
    )
    marks = {"ln V": math.log(scratch.vocabulary), "token frequencies": scratch.frequencies}
    for name, level in marks.items():
        figure.add_hline(
            y=level,
            line={"width": 1, "dash": "dot", "color": "var(--ink-soft)"},
            annotation={"text": f"{name}: {level:.2f}", "showarrow": False},
            annotation_position="top right",
        )
    _finish(figure, "Loss", 400, params)
    figure.update_yaxes(title={"text": "cross-entropy (nats a token)"}, range=[2, 9.5])
    return figure


def _rates(params: Params, scratch: Scratch) -> go.Figure:
    figure = go.Figure()
    figure.add_scatter(
        x=list(range(len(scratch.losses))),
        y=[
            float(f"{params.rate * pace(step, params.steps, params.warm_up):.4g}")
            for step in range(len(scratch.losses))
        ],
        mode="lines",
        line={"color": "var(--series-2)"},
        hovertemplate="step %{x}: %{y}<extra></extra>",
    )
    _finish(figure, "Learning rate", 240, params)
    figure.update_yaxes(title={"text": "rate"}, range=[0, 1.05 * params.rate])
    return figure


def _finish(figure: go.Figure, title: str, height: int, params: Params) -> None:
    legend = LEGEND | {"yanchor": "bottom"}
    figure.update_layout(template=None, title={"text": title}, height=height, legend=legend)
    figure.update_xaxes(title={"text": "step"}, range=[0, params.steps])
