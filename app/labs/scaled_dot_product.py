"""Scaled dot product: why scores are divided by √dₖ.

A dot product of two random vectors has a variance equal to their width. Left as it is, a wide head
starts with scores so far apart that the softmax picks one key, and then hardly any gradient gets
through it. Divide by √dₖ and every width starts alike; divide by dₖ and wide heads start out
uniform. The argument assumes queries and keys that know nothing of each other: let one key in
every row resemble its query, as training does, and √dₖ no longer holds the scores together.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Chosen, Illustration, LabParams, Prediction, Table
from app.labs.parts.bands import POWERS, add_line, finish, shorten
from model.checkpoint import Models

Divisor = Literal["1", "root", "width"]
DIVISORS: dict[Divisor, str] = {"1": "nothing", "root": "√dₖ", "width": "dₖ"}
WIDTHS = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
REPEATS, QUERIES = 8, 48  # rows of scores: QUERIES in each of REPEATS separate draws
FLOOR = 1e-8  # below, a gradient is drawn as this
LOST = 0.5  # a gradient is lost, or a variance has moved, by more than this factor

PREDICT = Prediction(
    "From the narrowest head (dₖ = 4) to the widest (dₖ = 1024), as set here: what will happen to "
    "the gradient of the softmax?",
    ("It stays within a factor of two.", "It shrinks.", "It grows."),
)


class Params(LabParams):
    divisor: Annotated[
        Divisor,
        Chosen,
        Field(
            title="Divide scores by",
            description="What QKᵀ is divided by before the softmax.",
            json_schema_extra={"labels": dict(DIVISORS)},
        ),
    ] = "root"
    width: Annotated[
        Literal["4", "16", "64", "256", "1024"],
        Chosen,
        Field(title="Width dₖ", description="Of one head: the width the reading is about."),
    ] = "64"
    keys: Annotated[
        int, Field(title="Keys", description="How many keys each query scores.", ge=2, le=256)
    ] = 32
    match: Annotated[
        float,
        Field(
            title="Match",
            description="How far one key of each row resembles its query: 0, independent, as at "
            "initialisation; 1, the same vector.",
            ge=0,
            le=1,
        ),
    ] = 0.0


@dataclass(frozen=True)
class Softmaxes:
    """One way of dividing, for each of the W widths and R repeats: (W, R) each."""

    variance: Tensor  # of a row's scores among its keys
    entropy: Tensor  # of the weights, as a share of what even weights have
    gradient: Tensor  # the median row's Jacobian, its Frobenius norm


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    raw = [draw_scores(width, params.keys, params.match) for width in WIDTHS]
    found = {
        divisor: measure([s / divide_by(divisor, d) for s, d in zip(raw, WIDTHS, strict=True)])
        for divisor in DIVISORS
    }
    ratio = _kept(found[params.divisor].gradient)
    return Illustration(
        figures=(_spread_figure(found, params), _softmax_figure(found, params)),
        reading=_reading(found, params),
        checks=(
            _grows_as_width(found["1"].variance),
            _stays_near_one(found[params.divisor].variance, params),
            _keeps_gradient(ratio, params),
            _between(found[params.divisor].entropy, params),
        ),
        table=_table(found),
        outcome=1 if ratio < LOST else 2 if ratio > 1 / LOST else 0,
    )


def draw_scores(width: int, keys: int, match: float) -> Tensor:
    """Dot products (R, Q, N) of queries and keys from N(0, 1), undivided. One key of each row is a
    mixture of that row's query, in proportion `match`, and noise, of unit variance all the same."""
    generator = torch.Generator().manual_seed(width)
    queries = torch.randn(REPEATS, QUERIES, width, generator=generator)
    others = torch.randn(REPEATS, keys, width, generator=generator)
    noise = torch.randn(REPEATS, QUERIES, width, generator=generator)
    scores = queries @ others.transpose(-2, -1)  # (R, Q, D), (R, D, N) -> (R, Q, N)
    own = match * queries + math.sqrt(1 - match**2) * noise  # (R, Q, D)
    scores[..., 0] = (queries * own).sum(dim=-1)  # (R, Q, D) -> (R, Q)
    return scores


def divide_by(divisor: str, width: int) -> float:
    return {"1": 1.0, "root": math.sqrt(width), "width": float(width)}[divisor]


def measure(scores: list[Tensor]) -> Softmaxes:
    """What the softmax makes of `scores`, (R, Q, N) for each width."""
    weights = [rows.double().softmax(dim=-1) for rows in scores]
    keys = scores[0].shape[-1]
    entropy = [torch.special.entr(rows).sum(dim=-1).mean(dim=-1) for rows in weights]  # (R,) each
    return Softmaxes(
        variance=torch.stack([rows.double().var(dim=-1).mean(dim=-1) for rows in scores]),
        entropy=torch.stack(entropy) / math.log(keys),
        gradient=torch.stack([jacobian_norm(rows).median(dim=-1).values for rows in weights]),
    )


def jacobian_norm(weights: Tensor) -> Tensor:
    """Frobenius norm of each row's Jacobian ∂aᵢ/∂sⱼ = aᵢ(δᵢⱼ − aⱼ): (..., N) -> (...). Without
    the difference 1 − aᵢ for the largest weight, of which nothing is left where that is near 1."""
    first, place = weights.max(dim=-1, keepdim=True)  # (..., 1) each
    others = weights.scatter(-1, place, 0.0)  # (..., N)
    squares = others.square()
    rest = squares.sum(dim=-1, keepdim=True)  # (..., 1)
    large = first.square() * (others.sum(dim=-1, keepdim=True).square() + rest)  # row of the first
    small = squares * ((1 - others).square() + first.square() + rest - squares)  # each other row
    return (large[..., 0] + small.sum(dim=-1)).clamp_min(0).sqrt()


def _kept(gradient: Tensor) -> float:
    """The gradient (W, R) at the widest head as a share of that at the narrowest."""
    return float(gradient[-1].median() / gradient[0].median())


def _grows_as_width(variance: Tensor) -> Check:
    ratios = variance.mean(dim=1) / torch.tensor(WIDTHS)  # (W,)
    low, high = float(ratios.min()), float(ratios.max())
    return Check(
        "Undivided, the scores of a row have variance dₖ.",
        f"variance over dₖ, from dₖ = 4 to 1024: {low:.2f} to {high:.2f}",
        _near_one(ratios),
    )


def _stays_near_one(variance: Tensor, params: Params) -> Check:
    means = variance.mean(dim=1)  # (W,)
    return Check(
        f"Divided by {DIVISORS[params.divisor]}, the scores have variance near 1 at every width.",
        f"from dₖ = 4 to 1024: {float(means.min()):.3g} to {float(means.max()):.3g}",
        _near_one(means),
    )


def _near_one(values: Tensor) -> bool:
    return bool((values > LOST).all() and (values < 1 / LOST).all())


def _keeps_gradient(ratio: float, params: Params) -> Check:
    return Check(
        f"Divided by {DIVISORS[params.divisor]}, a wide head's softmax has the gradient of a "
        "narrow one's.",
        f"median Jacobian at dₖ = 1024 over that at dₖ = 4: {ratio:.2g}",
        LOST <= ratio <= 1 / LOST,
    )


def _between(entropy: Tensor, params: Params) -> Check:
    share = float(entropy[-1].mean())
    return Check(
        "The widest head starts out neither one-hot nor uniform.",
        f"entropy of its weights at dₖ = 1024: {share:.1%} of that of even weights",
        0.3 < share < 0.98,
    )


def _reading(found: dict[Divisor, Softmaxes], params: Params) -> str:
    place = WIDTHS.index(int(params.width))
    raw, now = found["1"], found[params.divisor]
    variance, entropy, gradient = (
        float(value[place].median()) for value in (now.variance, now.entropy, now.gradient)
    )
    undivided = float(raw.variance[place].median())
    return (
        f"At dₖ = {params.width} the undivided scores of a row have variance {undivided:.1f}, a "
        f"standard deviation of {math.sqrt(undivided):.1f}. Divided by "
        f"{DIVISORS[params.divisor]} it is {variance:.3g}; the weights over {params.keys} keys "
        f"then have {entropy:.1%} of the entropy of even weights, and the median Jacobian of the "
        f"softmax is {gradient:.2g} (undivided: {float(raw.gradient[place].median()):.2g}). "
        f"Lines are medians of {REPEATS} draws of {QUERIES} queries; bands run from "
        "the lowest draw to the highest."
    )


def _spread_figure(found: dict[Divisor, Softmaxes], params: Params) -> go.Figure:
    figure = go.Figure()
    _draw(figure, {name: part.variance for name, part in found.items()}, params)
    dotted = {"color": "var(--ink-soft)", "width": 1, "dash": "dot"}
    figure.add_hline(y=1, line=dotted)
    figure.add_vline(x=int(params.width), line=dotted)
    finish(figure, "Variance of the scores", 420)
    figure.update_xaxes(title={"text": "width dₖ (log scale)"}, type="log", tickvals=WIDTHS)
    figure.update_yaxes(title={"text": "variance (log scale)"}, **POWERS)
    return figure


def _softmax_figure(found: dict[Divisor, Softmaxes], params: Params) -> go.Figure:
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    _draw(figure, {name: 100 * part.entropy for name, part in found.items()}, params, row=1)
    _draw(
        figure,
        {name: part.gradient.clamp_min(FLOOR) for name, part in found.items()},
        params,
        row=2,
    )
    finish(figure, "What the softmax makes of them", 560)
    figure.update_xaxes(type="log", tickvals=WIDTHS)
    figure.update_xaxes(title={"text": "width dₖ (log scale)"}, row=2, col=1)
    figure.update_yaxes(title={"text": "entropy, % of even"}, rangemode="tozero", row=1, col=1)
    figure.update_yaxes(
        title={"text": f"Jacobian (log, cut at {FLOOR:.0e})"}, **POWERS, row=2, col=1
    )
    return figure


def _draw(
    figure: go.Figure, values: dict[Divisor, Tensor], params: Params, row: int | None = None
) -> None:
    for number, (name, value) in enumerate(values.items(), start=1):
        named, chosen = f"divided by {DIVISORS[name]}", name == params.divisor
        add_line(figure, WIDTHS, value, named, series=number, thick=chosen, row=row)


def _table(found: dict[Divisor, Softmaxes]) -> Table:
    return Table(
        columns=("dₖ", "divided by", "variance", "entropy, % of even", "median Jacobian"),
        rows=tuple(
            (
                width,
                DIVISORS[name],
                *shorten(
                    torch.stack(
                        (part.variance[place], 100 * part.entropy[place], part.gradient[place])
                    )
                    .median(dim=1)
                    .values
                ),
            )
            for place, width in enumerate(WIDTHS)
            for name, part in found.items()
        ),
    )
