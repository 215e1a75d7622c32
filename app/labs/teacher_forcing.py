"""Teacher forcing: the right beginning at every place.

In training the decoder reads the reference, whatever it would have written itself; so one pass
scores all places at once, exactly. Writing on its own it reads its own words, and among them its
own mistakes. Here the same translations are scored both ways, and one wrong token is put in: along
the reference nothing changes, on its own the model falls behind from there on. Put in no mistake,
and the gap does not open. Take the causal mask off, and the one pass is no longer what it was
trained to be: each place sees what comes after it.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Illustration, LabParams, Prediction, Table
from model.checkpoint import Models
from model.config import Switches
from model.corpus import sentences
from model.decode import Reading
from model.tasks.translation import encode, pad
from model.translator import Translator

FEWEST = 8  # translations that still have a place, for it to be drawn
CLOSE = 1e-3  # of a log-probability summed over a translation

Mask = Literal["causal", "none"]

PREDICT = Prediction(
    "The model writes on its own and its token at the place chosen is replaced. After it, how many "
    "tokens fewer are right than along the reference?",
    ("Hardly any: under 5 %.", "Some: 5 to 50 %.", "Most: over 50 %."),
)


class Params(LabParams):
    mistake: Annotated[
        Literal["random", "second", "none"],
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
    ] = 48
    seed: Annotated[
        int, Field(title="Draw", description="Of sentences and random tokens.", ge=1, le=99)
    ] = 1


@dataclass(frozen=True)
class Batch:
    """Translations with their references. B of them, T tokens, filled up with padding."""

    memory: Tensor  # (B, S, C), what the encoder makes of the sources
    real: Tensor  # (B, S), True where those are no padding
    reference: Tensor  # (B, T + 1), BOS, the tokens, EOS
    filler: int

    @property
    def right(self) -> Tensor:
        """What is to be written, (B, T)."""
        return self.reference[:, 1:]

    @property
    def counts(self) -> Tensor:
        """True where something is, (B, T)."""
        return self.right != self.filler

    def hits(self, guesses: Tensor) -> Tensor:
        """1 where `guesses` (B, T) are right, 0 where not, nan where nothing is to be written."""
        right = (guesses == self.right).double()
        return right.masked_fill(~self.counts, torch.nan)


@dataclass(frozen=True)
class Runs:
    """What was chosen at each place of the same translations: (B, T) each."""

    forced: Tensor  # along the reference
    own: Tensor  # by the model on its own
    left_in: Tensor  # along the reference, in which the mistake is left
    slipped: Tensor  # by the model on its own, with the mistake among what it reads


NAMES = {
    "forced": "along the reference",
    "left_in": "along the reference, mistake left in",
    "own": "on its own",
    "slipped": "on its own, with the mistake",
}


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    translator, place = models.translator, params.place - 1
    batch = _draw(translator, params)
    read = batch.reference[:, :-1]  # (B, T)
    log_probs = _one_pass(translator, batch, read, params.mask)  # (B, T, V)
    runs = _run(params, translator, batch, log_probs)
    hits = {name: batch.hits(getattr(runs, name)) for name in NAMES}  # (B, T) each
    found = {name: _after(hit, place) for name, hit in hits.items()}  # (B,) each
    order = _in_order(batch, runs.slipped, place)  # (B,)
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
    own = _write(translator, batch)
    if params.mistake == "none":
        return Runs(forced, own, forced, own)
    wrong = _mistake(params, translator, log_probs[:, place], batch.right[:, place])  # (B,)
    read = batch.reference[:, :-1].clone()  # (B, T)
    read[:, params.place] = wrong
    left_in = _one_pass(translator, batch, read, params.mask).argmax(dim=-1)
    return Runs(forced, own, left_in, _write(translator, batch, place, wrong))


def _draw(translator: Translator, params: Params) -> Batch:
    """Sentences with their references, each with three tokens or more after the place."""
    tokenizer = translator.tokenizer
    pairs = (
        encode(tokenizer, each.text("en"), each.text("fr"), "fr") for each in sentences(params.seed)
    )
    fit = (pair for pair in pairs if len(pair[1]) > params.place + 3)
    source, reference = pad(list(islice(fit, params.count)), tokenizer.pad, translator.device)
    real = source != tokenizer.pad
    return Batch(translator.network.encode(source, real=real), real, reference, tokenizer.pad)


def _one_pass(translator: Translator, batch: Batch, read: Tensor, mask: Mask) -> Tensor:
    """Log-probabilities (B, T, V) of what follows each of the tokens `read` (B, T), at once."""
    logits = translator.network.decode(
        read, batch.memory, real=batch.real, switches=Switches(mask=mask)
    )
    return logits.log_softmax(dim=-1)


def _mistake(params: Params, translator: Translator, log_probs: Tensor, right: Tensor) -> Tensor:
    """A wrong token (B,) in the place of the `right` one (B,), whose log-probability is among
    `log_probs` (B, V)."""
    if params.mistake == "second":
        return log_probs.scatter(1, right[:, None], -torch.inf).argmax(dim=1)
    generator = torch.Generator().manual_seed(params.seed)
    first, size = len(translator.tokenizer.special), len(translator.tokenizer)
    drawn = torch.randint(first, size - 1, right.shape, generator=generator)
    return drawn + (drawn >= right)  # any but the right one


def _write(
    translator: Translator, batch: Batch, place: int | None = None, wrong: Tensor | None = None
) -> Tensor:
    """What the model writes on its own, (B, T); at the place it reads `wrong` (B,) in place of
    what it chose."""
    end = translator.tokenizer.eos
    reading = Reading(translator.network, batch.memory, batch.real)
    token = batch.reference[:, :1]  # (B, 1), BOS
    written: list[Tensor] = []
    for step in range(batch.right.shape[1]):
        token = reading.read(token).argmax(dim=-1, keepdim=True)  # (B, V) -> (B, 1)
        if step == place and wrong is not None:
            token = wrong[:, None]  # (B,) -> (B, 1)
        if written:
            ended = (written[-1] == end) | (written[-1] == batch.filler)
            token = token.masked_fill(ended, batch.filler)
        written.append(token)
    return torch.cat(written, dim=1)  # (B, T)


def _after(hits: Tensor, place: int) -> Tensor:
    """The share of right tokens (B,) after the place, by translation, of `hits` (B, T)."""
    return hits[:, place + 1 :].nanmean(dim=1)


def _in_order(batch: Batch, written: Tensor, place: int) -> Tensor:
    """The share (B,) of the reference's tokens after the place that are written in the same order,
    wherever they stand: the longest common subsequence."""
    shares = []
    for right, got in zip(batch.right.tolist(), written.tolist(), strict=True):
        expected, found = (
            [token for token in row[place + 1 :] if token != batch.filler] for row in (right, got)
        )
        best = [0] * (len(found) + 1)  # longest, with that many of `found`
        for token in expected:
            before = best
            best = [0]
            for column, other in enumerate(found):
                longer = before[column] + 1 if token == other else 0
                best.append(max(longer, before[column + 1], best[column]))
        shares.append(best[-1] / len(expected))
    return torch.tensor(shares, dtype=torch.float64)


def _spread(shares: Tensor) -> float:
    """The standard error of the mean of `shares` (n,), nan apart."""
    known = shares[~shares.isnan()]
    return float(known.std() / len(known) ** 0.5)


def _scores_all_at_once(translator: Translator, batch: Batch, log_probs: Tensor) -> Check:
    """Eight translations: one pass over the reference against a step for each token."""
    rows = slice(0, FEWEST)
    reading = Reading(translator.network, batch.memory[rows], batch.real[rows])
    steps = [reading.read(token) for token in batch.reference[rows, :-1].split(1, dim=1)]  # (B, V)
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
            "translations are the reference."
        )
    return said + (
        f"A reference with one wrong token in it leaves {means['left_in']:.1%} right: errors are "
        f"{'more' if means['left_in'] < means['forced'] else 'no more'} frequent after a beginning "
        f"with a mistake. On its own {means['slipped']:.1%} are right at their place, and "
        f"{order:.1%} in their order: the rest of the gap is a shift, after which the model goes "
        f"on as the reference does. {int(whole.sum())} translations are the reference."
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
        yaxis={"title": {"text": "right tokens (%, ± standard error)"}, "range": [-3, 106]},
        legend={"orientation": "h", "y": -0.25, "yanchor": "top"},
    )
    return figure


def _after_mistake(found: dict[str, Tensor], order: Tensor, params: Params) -> go.Figure:
    bars = {NAMES[name]: shares for name, shares in found.items()}
    bars["on its own, with it, in order"] = order
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
        title={"text": f"Right tokens after place {params.place}"},
        height=320,
        xaxis={"title": {"text": "right tokens (%, ± standard error)"}, "range": [0, 106]},
        yaxis={"autorange": "reversed", "ticksuffix": " "},
    )
    return figure
