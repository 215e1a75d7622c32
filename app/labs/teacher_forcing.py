"""Teacher forcing: the right beginning at every place.

In training the decoder reads the reference, whatever it would have written itself; so one pass
scores all places at once, exactly. Writing on its own it reads its own words, and among them its
own mistakes. Here the same translations are scored both ways, and one wrong token is put in: along
the reference nothing changes, on its own the model falls behind from there on. Put in no mistake,
and the gap does not open. Take the causal mask off, and the one pass is no longer what it was
trained to be: each place sees what comes after it.
"""

from typing import Annotated

import plotly.graph_objects as go
import torch
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Illustration, LabParams, Prediction, Table
from app.labs.parts.forcing import (
    Batch,
    Mask,
    Mistake,
    Runs,
    draw,
    draw_wrong,
    score_at_once,
    share_in_order,
    write_alone,
)
from model.checkpoint import Models
from model.decode import Reading
from model.translator import Translator

FEWEST = 8  # translations that still have a place, for it to be drawn
CLOSE = 1e-3  # of a log-probability summed over a translation


PREDICT = Prediction(
    "The model writes on its own and its token at the place chosen is replaced. After it, how many "
    "tokens fewer are right than along the reference?",
    ("Hardly any: under 5 %.", "Some: 5 to 50 %.", "Most: over 50 %."),
)


class Params(LabParams):
    mistake: Annotated[
        Mistake,
        Field(
            title="Mistake",
            description="What is put in the place: a random token, the likeliest wrong one, none.",
        ),
    ] = "random"
    place: Annotated[
        int, Field(title="Place", description="Of the mistake, counted in tokens.", ge=1, le=6)
    ] = 3
    mask: Annotated[
        Mask,
        Field(title="Mask", description="Of the decoder, in the one pass over the reference."),
    ] = "causal"
    count: Annotated[
        int, Field(title="Translations", description="English to French.", ge=16, le=96)
    ] = 32
    seed: Annotated[
        int, Field(title="Draw", description="Of sentences and random tokens.", ge=1, le=99)
    ] = 1


NAMES = {
    "forced": "along the reference",
    "left_in": "along the reference, mistake left in",
    "own": "on its own",
    "slipped": "on its own, with the mistake",
}


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    translator, place = models.translator, params.place - 1
    batch = draw(translator, seed=params.seed, count=params.count, least=params.place + 3)
    read = batch.reference[:, :-1]  # (B, T)
    log_probs = score_at_once(translator, batch, read, params.mask)  # (B, T, V)
    runs = _run(params, translator, batch, log_probs)
    hits = {name: batch.hits(getattr(runs, name)) for name in NAMES}  # (B, T) each
    found = {name: _after(hit, place) for name, hit in hits.items()}  # (B,) each
    order = share_in_order(batch, runs.slipped, place)  # (B,)
    means = {name: float(share.mean()) for name, share in found.items()}
    lost = 1 - means["slipped"] / max(means["forced"], 1e-9)
    return Illustration(
        figures=(_by_place(hits, params), _after_mistake(found, order, params)),
        reading=_reading(params, batch, log_probs, means, float(order.mean()), runs),
        checks=(
            _scores_all_at_once(translator, batch, log_probs),
            _falls_behind(found["own"], found["slipped"]),
            Check(
                "Put back on the reference after the mistake, it loses no more than on its own.",
                f"right tokens after it, with the mistake left in: {means['left_in']:.3f}; on its "
                f"own {means['slipped']:.3f}",
                means["left_in"] >= means["slipped"],
            ),
        ),
        table=_table(hits),
        outcome=0 if lost < 0.05 else 1 if lost < 0.5 else 2,
    )


def _run(params: Params, translator: Translator, batch: Batch, log_probs: Tensor) -> Runs:
    """What is chosen where `log_probs` (B, T, V) are those along the reference."""
    forced, place = log_probs.argmax(dim=-1), params.place - 1
    own = write_alone(translator, batch)
    if params.mistake == "none":
        return Runs(forced, own, forced, own)
    wrong = draw_wrong(
        translator, params.mistake, params.seed, log_probs[:, place], batch.right[:, place]
    )  # (B,)
    read = batch.reference[:, :-1].clone()  # (B, T)
    read[:, params.place] = wrong
    left_in = score_at_once(translator, batch, read, params.mask).argmax(dim=-1)
    return Runs(forced, own, left_in, write_alone(translator, batch, place, wrong))


def _after(hits: Tensor, place: int) -> Tensor:
    """The share of right tokens (B,) after the place, by translation, of `hits` (B, T)."""
    return hits[:, place + 1 :].nanmean(dim=1)


def _spread(shares: Tensor) -> float:
    """The standard error of the mean of `shares` (n,), nan apart."""
    known = shares[~shares.isnan()]
    return float(known.std() / len(known) ** 0.5)


def _scores_all_at_once(translator: Translator, batch: Batch, log_probs: Tensor) -> Check:
    """Eight translations: one pass over the reference against a step for each token."""
    rows = slice(0, FEWEST)
    reading = Reading(translator.network, batch.memory[rows], batch.real[rows])
    steps = [
        reading.read(token) for token in torch.split(batch.reference[rows, :-1], 1, 1)
    ]  # (B, V)
    right = batch.right[rows, :, None]  # (B, T, 1)
    sums = [
        found.gather(2, right)[..., 0].masked_fill(~batch.counts[rows], 0.0).sum(dim=1)  # (B,)
        for found in (log_probs[rows], torch.stack(steps, dim=1))
    ]
    difference = float((sums[0] - sums[1]).abs().max())
    return Check(
        "One pass gives the log-probability of a whole translation, exactly.",
        f"{FEWEST} translations, {float(sums[0].mean()):.4f} on average at once and "
        f"{float(sums[1].mean()):.4f} token by token: largest difference {difference:.1e}",
        difference < CLOSE,
    )


def _falls_behind(own: Tensor, slipped: Tensor) -> Check:
    gap, spread = float((own - slipped).mean()), _spread(own - slipped)
    return Check(
        "On its own, the model falls behind after the mistake.",
        f"right tokens after it: {float(own.mean()):.3f} without, {float(slipped.mean()):.3f} with "
        f"it; a gap of {gap:.3f} ± {spread:.3f} (standard error)",
        gap > 2 * spread,
    )


def _reading(
    params: Params,
    batch: Batch,
    log_probs: Tensor,
    means: dict[str, float],
    order: float,
    runs: Runs,
) -> str:
    right = log_probs.gather(2, batch.right[..., None])[..., 0]  # (B, T)
    loss = -float(right[batch.counts].mean())
    whole = ((runs.slipped == batch.right) | ~batch.counts).all(dim=1)  # (B,)
    said = (
        f"Along the reference the loss of {len(right)} translations is {loss:.3f} a token, and "
        f"{means['forced']:.1%} of the tokens after place {params.place} are right, whatever the "
        "model writes on its own. "
    )
    if params.mistake == "none":
        return said + (
            f"On its own, without a mistake put in, {means['own']:.1%} are, and {int(whole.sum())} "
            "of the translations are the reference."
        )
    return said + (
        f"A reference with one wrong token in it leaves {means['left_in']:.1%} right: errors are "
        f"{'more' if means['left_in'] < means['forced'] else 'no more'} frequent after a beginning "
        f"with a mistake. On its own {means['slipped']:.1%} are right at their place, and "
        f"{order:.1%} in their order: the difference is a shift, behind which the model "
        f"goes on as the reference does. {int(whole.sum())} of the translations are the reference."
    )


def _table(hits: dict[str, Tensor]) -> Table:
    drawn = _drawn(hits["forced"])
    return Table(
        ("place", "translations", *(f"right, {name}" for name in NAMES.values())),
        tuple(
            (
                place + 1,
                int((~hits["forced"][:, place].isnan()).sum()),
                *(round(float(hit[:, place].nanmean()), 3) for hit in hits.values()),
            )
            for place in range(drawn)
        ),
    )


def _drawn(hits: Tensor) -> int:
    """How many places have translations enough."""
    return int(((~hits.isnan()).sum(dim=0) >= FEWEST).sum())


def _by_place(hits: dict[str, Tensor], params: Params) -> go.Figure:
    figure, drawn = go.Figure(), _drawn(hits["forced"])
    shown = ["forced", "own"] if params.mistake == "none" else ["forced", "left_in", "slipped"]
    for name in shown:
        places = hits[name][:, :drawn].unbind(dim=1)  # (B,) each
        figure.add_scatter(
            x=list(range(1, drawn + 1)),
            y=[100 * float(place.nanmean()) for place in places],
            error_y={"array": [100 * _spread(place) for place in places], "thickness": 1},
            name=NAMES[name],
            mode="lines+markers",
        )
    if params.mistake != "none":
        figure.add_vline(
            x=params.place,
            line={"color": "var(--ink-soft)", "dash": "dot", "width": 1},
            annotation={"text": "mistake", "yanchor": "bottom"},
        )
    figure.update_layout(
        template=None,
        title={"text": "Right tokens, place by place"},
        height=440,
        xaxis={"title": {"text": "place in the translation (tokens)"}},
        yaxis={"title": {"text": "right tokens (%, ± std. error)"}, "range": [-3, 106]},
        legend={"orientation": "h", "y": -0.25, "yanchor": "top"},
    )
    return figure


def _after_mistake(found: dict[str, Tensor], order: Tensor, params: Params) -> go.Figure:
    bars = {NAMES[name].replace(", ", ",<br>"): shares for name, shares in found.items()}
    bars["the same,<br>in order, at any place"] = order
    figure = go.Figure(
        go.Bar(
            x=[100 * float(shares.mean()) for shares in bars.values()],
            y=list(bars),
            error_x={"array": [100 * _spread(shares) for shares in bars.values()]},
            orientation="h",
            texttemplate="%{x:.1f}",
            textposition="inside",
            insidetextanchor="start",
        )
    )
    figure.update_layout(
        template=None,
        title={"text": f"Right tokens after place {params.place}, ± standard error"},
        height=320,
        xaxis={"title": {"text": "right tokens (%)"}, "range": [0, 106]},
        yaxis={"autorange": "reversed", "ticksuffix": " "},
    )
    return figure
