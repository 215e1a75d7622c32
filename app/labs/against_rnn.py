"""Against a recurrent network: who remembers what was said, and for how long.

Some names get a value at the beginning of a text; at its end one of them is asked for. An LSTM
must keep all of them in a state of fixed size, past every token in between; a Transformer keeps
every token and looks. Both learn from nothing, on the same batches, for as many steps. With one
pair and open forget gates the LSTM keeps up: distance alone does not beat it, what there is to
hold does. Give attention a window, and what lies before it is forgotten.
"""

import statistics
from collections.abc import Generator
from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
from pydantic import Field

from app.labs.illustration import (
    Check,
    Chosen,
    Frame,
    Illustration,
    LabParams,
    Prediction,
    Table,
)
from app.labs.parts.bands import LEGEND
from app.labs.parts.recall import (
    ASKED,
    BATCH,
    CHANNELS,
    VALUES,
    Learner,
    Reader,
    count_products,
    write,
)
from model.checkpoint import Models

BEGIN = 5  # steps that the page itself takes
OFTEN = 25  # steps between two measurements
RECALLS = 0.9  # of the answers, where a network remembers
BEHIND = 0.2  # of the answers
Learners = dict[str, Learner]

PREDICT = Prediction(
    "After this run, who answers more of the questions, over all distances?",
    ("The Transformer.", "The LSTM.", "Neither, by more than a twentieth."),
)
LEVEL = 0.05


class Params(LabParams):
    pairs: Annotated[
        Literal["1", "2", "4", "8"],
        Chosen,
        Field(title="Pairs to remember", description="Of a name and a value, at the beginning."),
    ] = "4"
    longest: Annotated[
        Literal["16", "32", "64", "128"],
        Chosen,
        Field(
            title="Longest distance",
            description="Tokens from the last pair to the question, from 1 to this many.",
        ),
    ] = "32"
    steps: Annotated[
        int,
        Field(title="Steps", description=f"Of {BATCH} texts each, for both.", ge=25, le=400),
    ] = 150
    forget: Annotated[
        float,
        Field(
            title="Forget bias",
            description="Of the LSTM's forget gates at the start: at 0 they keep half of the state "
            "a step, at 3 0.95.",
            ge=0,
            le=6,
        ),
    ] = 1.0
    window: Annotated[
        int,
        Field(
            title="Window",
            description="How many tokens back attention sees; 0: all of them.",
            ge=0,
            le=128,
        ),
    ] = 0


def illustrate(params: Params, models: Models) -> Illustration:
    """The run's first steps."""
    *_, last = run(params, BEGIN)
    assert last.illustration is not None
    return last.illustration


def train(params: Params, models: Models) -> Generator[Frame, None, None]:
    """The whole run."""
    yield from run(params, params.steps)


def run(params: Params, steps: int) -> Generator[Frame, None, None]:
    """The first `steps` of the run that `params` describe."""
    pairs, longest = int(params.pairs), int(params.longest)
    random = torch.Generator().manual_seed(2)
    distances = [2**power for power in range(longest.bit_length())]
    exams = [write(ASKED, distance, pairs, random) for distance in distances]
    learners: Learners = {
        name: Learner(Reader(name, params.forget, params.window))
        for name in ("LSTM", "Transformer")
    }
    steps_at = [0]
    for learner in learners.values():
        learner.measure(exams)
    yield Frame(0, params.steps, "", _draw(params, distances, steps_at, learners))
    for done in range(1, steps + 1):
        distance = int(torch.randint(1, longest + 1, (1,), generator=random))
        texts = write(BATCH, distance, pairs, random)
        losses = {name: learner.step(texts) for name, learner in learners.items()}
        illustration = None
        if done % OFTEN == 0 or done == steps:
            steps_at.append(done)
            for learner in learners.values():
                learner.measure(exams)
            illustration = _draw(params, distances, steps_at, learners)
        says = ", ".join(f"{name} {loss:.2f}" for name, loss in losses.items())
        yield Frame(done, params.steps, f"loss of the {says}", illustration)


def _draw(
    params: Params, distances: list[int], steps_at: list[int], learners: Learners
) -> Illustration:
    """The run so far; what its end shows is checked at its end."""
    ended = steps_at[-1] == params.steps
    means = {name: statistics.mean(learner.recalled[-1]) for name, learner in learners.items()}
    ahead = means["Transformer"] - means["LSTM"]
    outcome = 2 if abs(ahead) <= LEVEL else 0 if ahead > 0 else 1
    return Illustration(
        figures=(
            _by_distance(distances, steps_at[-1], learners),
            _by_step(params, steps_at, learners),
            *([_times(learners)] if steps_at[-1] else []),
        ),
        reading=_reading(params, distances, steps_at[-1], learners),
        checks=_checks(params, learners, distances, ended=ended),
        table=Table(
            ("distance", *(f"{name}, right" for name in learners)),
            tuple(
                (distance, *(round(learner.recalled[-1][i], 3) for learner in learners.values()))
                for i, distance in enumerate(distances)
            ),
        ),
        outcome=outcome if ended else None,
    )


def _checks(
    params: Params, learners: Learners, distances: list[int], *, ended: bool
) -> tuple[Check, ...]:
    before = {name: statistics.mean(learner.recalled[0]) for name, learner in learners.items()}
    length = int(params.pairs) + distances[-1]
    recurrent, attended = count_products(length)
    checks = [
        Check(
            "Untrained, both guess.",
            f"{before['LSTM']:.0%} and {before['Transformer']:.0%} right; 1 of {VALUES} by chance",
            max(before.values()) < 2 / VALUES,
        ),
        Check(
            "The LSTM's layer does less arithmetic than the Transformer's block.",
            f"{recurrent:,} and {attended:,} multiply-adds for a text of {length} tokens",
            recurrent < attended,
        ),
    ]
    if not ended:
        return tuple(checks)
    recalled = {name: learner.recalled[-1] for name, learner in learners.items()}
    worst = min(recalled["Transformer"])
    at = distances[recalled["Transformer"].index(worst)]
    means = {name: statistics.mean(shares) for name, shares in recalled.items()}
    checks += [
        Check(
            "The Transformer recalls at every distance.",
            f"at the worst, {at} tokens, {worst:.0%} right",
            worst >= RECALLS,
        ),
        Check(
            "The LSTM, after as many steps on the same batches, recalls less.",
            f"{means['LSTM']:.0%} against {means['Transformer']:.0%}, over all distances",
            means["LSTM"] < means["Transformer"] - BEHIND,
        ),
    ]
    return tuple(checks)


def _reading(params: Params, distances: list[int], step: int, learners: Learners) -> str:
    sizes = {name: sum(w.numel() for w in x.network.parameters()) for name, x in learners.items()}
    held = (
        f"The LSTM holds 2 × {CHANNELS} numbers whatever the length; the Transformer, at the "
        f"question, {2 * CHANNELS * (int(params.pairs) + distances[-1]):,} at the longest distance."
    )
    if not step:
        return (
            f"An LSTM of {sizes['LSTM']:,} parameters and a Transformer of "
            f"{sizes['Transformer']:,}, both untrained. {held}"
        )
    near = {name: learner.recalled[-1][0] for name, learner in learners.items()}
    far = {name: learner.recalled[-1][-1] for name, learner in learners.items()}
    times = {name: 1000 * statistics.median(learner.seconds) for name, learner in learners.items()}
    return (
        f"After {step} of {params.steps} steps the Transformer answers {near['Transformer']:.0%} "
        f"right at distance {distances[0]} and {far['Transformer']:.0%} at {distances[-1]}; the "
        f"LSTM {near['LSTM']:.0%} and {far['LSTM']:.0%}. {held} On one core of this machine a step "
        f"takes {times['Transformer']:.1f} ms and {times['LSTM']:.1f} ms (medians): one core has "
        "no use for what could be done at the same time."
    )


def _by_distance(distances: list[int], step: int, learners: Learners) -> go.Figure:
    figure = go.Figure()
    for number, (name, learner) in enumerate(learners.items(), start=1):
        figure.add_scatter(
            x=distances,
            y=learner.recalled[-1],
            name=name,
            mode="lines+markers",
            line={"width": 3, "color": f"var(--series-{3 - number})"},
            hovertemplate="%{x} tokens: %{y:.0%}",
        )
    _finish(figure, f"Recall by distance, after {step} steps", 400)
    figure.update_xaxes(
        title={"text": "distance (tokens, log scale)"},
        type="log",
        tickvals=distances,
    )
    return figure


def _by_step(params: Params, steps_at: list[int], learners: Learners) -> go.Figure:
    figure = go.Figure()
    for number, (name, learner) in enumerate(learners.items(), start=1):
        for place, (which, dash) in enumerate((("nearest", "solid"), ("farthest", "dot"))):
            figure.add_scatter(
                x=steps_at,
                y=[shares[-place] for shares in learner.recalled],
                name=f"{name}, {which}",
                mode="lines",
                line={"dash": dash, "color": f"var(--series-{3 - number})"},
                hovertemplate="after %{x} steps: %{y:.0%}",
            )
    _finish(figure, "Recall as both learn", 340)
    figure.update_xaxes(title={"text": "step"}, range=[0, params.steps])
    return figure


def _times(learners: Learners) -> go.Figure:
    """Every step's time, as a box from quarter to quarter."""
    figure = go.Figure()
    for number, (name, learner) in enumerate(learners.items(), start=1):
        figure.add_box(
            x=[round(1000 * seconds, 2) for seconds in learner.seconds],
            name=name,
            boxpoints=False,
            line={"color": f"var(--series-{3 - number})"},
            showlegend=False,
        )
    figure.update_layout(template=None, title={"text": "Time of a training step"}, height=220)
    figure.update_xaxes(title={"text": "milliseconds, one core (log scale)"}, type="log")
    return figure


def _finish(figure: go.Figure, title: str, height: int) -> None:
    legend = LEGEND | {"yanchor": "bottom"}
    figure.update_layout(template=None, title={"text": title}, height=height, legend=legend)
    figure.update_yaxes(title={"text": "right answers"}, range=[0, 1.03], tickformat=".0%")
    figure.add_hline(y=1 / VALUES, line={"width": 1, "dash": "dot", "color": "var(--ink-soft)"})
