"""Attention views: a bright cell is not an explanation.

A model fills a gap in a sentence or reads a digit. Which inputs did its answer rest on? The map of
one head, the mean of a layer, rollout through all layers and gradient times attention each give an
order; leaving an input out and reading again shows what it did. Over many inputs the orders are
compared. Rollout beats the last layer's map because it follows the residual path; take the
identity's share away and, in sentences, that claim breaks.
"""

from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Illustration, LabParams, Prediction, Table
from app.labs.parts.explanations import Answers, Question, agreement, mean_and_error
from app.labs.parts.gaps import Gap, GappedSentence, unseen_sentences
from model.checkpoint import Models
from model.tasks.digits import PATCH, SIDE, cut_patches
from model.tasks.masked import MASK

ACROSS = SIDE // PATCH  # patches in a row of a picture
CAUSAL = "leave-one-out"


class Params(LabParams):
    model: Annotated[
        Literal["words", "digits"],
        Field(title="Model", description="One fills gaps in sentences, one reads digits."),
    ] = "words"
    sentence: GappedSentence = "The old dog drinks the beer."
    hide: Annotated[
        str, Field(title="Word to guess", description="Is hidden.", min_length=1, max_length=30)
    ] = "drinks"
    picture: Annotated[int, Field(title="Digit", description="Its number.", ge=1, le=360)] = 1
    layer: Annotated[
        Literal["first", "last"],
        Field(title="Layer", description="Whose heads are shown, and compared."),
    ] = "last"
    kept: Annotated[
        float,
        Field(title="Identity in rollout", description="Its share; 0.5 by Abnar.", ge=0, le=0.9),
    ] = 0.5
    inputs: Annotated[
        int,
        Field(title="Inputs compared", description="None was trained on.", ge=8, le=40),
    ] = 20


PREDICT = Prediction(
    "Rank the inputs by the last layer's attention, and by what leaving each out does to the "
    "answer. How well do the two orders agree over many inputs (1: perfectly, 0: by chance)?",
    ("Nearly perfectly, above 0.9.", "Partly, 0.2 to 0.9.", "Hardly, below 0.2."),
)


@torch.no_grad()
def illustrate(params: Params, models: Models) -> Illustration:
    read = _words if params.model == "words" else _digits
    own, many, names, answer_names = read(params, models)
    one, answers = Answers.of(own), Answers.of(many)
    views = _views(one, params)
    shown = {name: _shares(view, one.question.others)[0] for name, view in views.items()}
    compared = _compared(answers, params)
    guess = answer_names[int(one.guesses[0])]
    draw = _over_words if params.model == "words" else _over_patches
    return Illustration(
        figures=(draw(shown, names, guess), _agreements(compared, params.inputs)),
        reading=_reading(one, compared, names, guess, params),
        checks=(
            _rollout_is_better(compared),
            _brightest_is_not_first(answers, params),
            _sharp_is_not_important(answers),
            _layers_mix(answers),
        ),
        table=Table(
            columns=("view", *names),
            rows=tuple((n, *(round(s, 3) for s in share.tolist())) for n, share in shown.items()),
        ),
        outcome=_outcome(answers),
    )


def _words(params: Params, models: Models) -> tuple[Question, Question, list[str], list[str]]:
    """The reader's gap, and one in each of the held-out sentences."""
    gap = Gap.read(params.sentence, params.hide, models)
    pad, mask = gap.tokenizer.pad, gap.tokenizer.identity(MASK)
    many = unseen_sentences(gap.tokenizer, params.inputs)  # (B, S)
    generator = torch.Generator().manual_seed(1)
    lengths = (many != pad).sum(dim=1)
    at = (torch.rand(len(many), generator=generator) * (lengths - 1)).long()  # not at the stop
    own, others = (
        Question(gap.network, rows.scatter(1, places[:, None], mask), rows != pad, places)
        for rows, places in ((gap.ids[None], torch.tensor([gap.place])), (many, at))
    )
    names = [token for place, token in enumerate(gap.tokens) if place != gap.place]
    return own, others, names, gap.tokenizer.pieces(range(len(gap.tokenizer)))


def _digits(params: Params, models: Models) -> tuple[Question, Question, list[str], list[str]]:
    """The reader's picture, and the first of all."""
    pictures = torch.tensor(models.vit.details["pictures"]).float()  # (N, 64)
    patches = cut_patches(pictures.view(-1, SIDE, SIDE))  # (N, 64) -> (N, S - 1, patch)
    one, many = patches[[params.picture - 1]], patches[: params.inputs]
    names = [f"patch {row + 1}/{column + 1}" for row in range(ACROSS) for column in range(ACROSS)]
    return _class(models, one), _class(models, many), names, [str(digit) for digit in range(10)]


def _class(models: Models, patches: Tensor) -> Question:
    """The class of pictures (B, S - 1, patch), asked of the class token."""
    real = torch.ones(len(patches), 1 + patches.shape[1], dtype=torch.bool)
    return Question(models.vit.network, patches, real, torch.zeros(len(patches)).long())


def _layer(answers: Answers, params: Params) -> int:
    return 0 if params.layer == "first" else len(answers.patterns) - 1


def _views(answers: Answers, params: Params) -> dict[str, Tensor]:
    """Every view, (B, S), the intervention last."""
    layer = _layer(answers, params)
    heads = range(answers.patterns[layer].shape[1])
    return {
        **{f"head {layer + 1}.{head + 1}": answers.attention(layer, head) for head in heads},
        f"mean of layer {layer + 1}": answers.attention(layer),
        "rollout": answers.rollout(params.kept),
        "gradient × attention": answers.gradient_times_attention,
        CAUSAL: answers.left_out[0].abs(),
    }


def _shares(view: Tensor, others: Tensor) -> Tensor:
    """A view (1, S) of one sequence as shares of the places but the asking one: (1, S - 1)."""
    counted = view[others][None]
    return counted / counted.sum().clamp_min(1e-12)


def _compared(answers: Answers, params: Params) -> dict[str, Tensor]:
    """The rank correlation of each view with leaving one out, for every input: (B,)."""
    views = _views(answers, params)
    truth = views.pop(CAUSAL)
    return {
        name: agreement(view, truth, answers.question.others)
        for name, view in views.items()
        if not name.startswith("head")
    }


def _outcome(answers: Answers) -> int:
    last = answers.attention(len(answers.patterns) - 1)
    found = agreement(last, answers.left_out[0].abs(), answers.question.others).mean()
    return 0 if found > 0.9 else 1 if found > 0.2 else 2


def _rollout_is_better(compared: dict[str, Tensor]) -> Check:
    layer, rollout, _ = compared.values()
    gain, error = mean_and_error(rollout - layer)
    return Check(
        "Rollout orders the inputs more like leaving one out than the layer's map does.",
        f"rank correlation {float(rollout.mean()):.2f} and {float(layer.mean()):.2f} over "
        f"{len(layer)} inputs; gain {gain:.2f} ± {error:.2f} (standard error)",
        gain > 2 * error,
    )


def _brightest_is_not_first(answers: Answers, params: Params) -> Check:
    hidden = ~answers.question.others
    brightest = answers.attention(_layer(answers, params)).masked_fill(hidden, -1).argmax(dim=-1)
    first = answers.left_out[0].abs().masked_fill(hidden, -1).argmax(dim=-1)
    missed = int((brightest != first).sum())
    return Check(
        "The brightest input is often not the one that matters most.",
        f"in {missed} of {len(first)} inputs leaving out another one changes the answer more",
        missed > len(first) / 10,
    )


def _sharp_is_not_important(answers: Answers) -> Check:
    first = answers.heads_cut.abs().argmax(dim=-1)  # (B,)
    missed = int((answers.sharpness.argmax(dim=-1) != first).sum())
    return Check(
        "The head that looks most sharply is often not the one that the answer needs most.",
        f"in {missed} of {len(first)} inputs silencing another of the {answers.sharpness.shape[1]} "
        "heads changes the answer more",
        missed > len(first) / 10,
    )


def _layers_mix(answers: Answers) -> Check:
    others = answers.question.others
    pairs = others[:, :, None] & others[:, None, :]  # (B, S, S)
    pairs &= ~torch.eye(others.shape[1], dtype=torch.bool)
    moves = answers.left_out[1][pairs]
    share = float((moves > 0.01).float().mean())
    return Check(
        "In the last layer a place holds something of most inputs, not of its own alone.",
        f"leaving one out moves {share:.0%} of the other places' states by more than 1 % "
        f"(on average by {float(moves.mean()):.0%})",
        share > 0.5,
    )


def _over_words(shown: dict[str, Tensor], names: list[str], guess: str) -> go.Figure:
    figure = go.Figure(
        go.Heatmap(
            z=[[round(s, 4) for s in share.tolist()] for share in shown.values()],
            coloraxis="coloraxis",
            texttemplate="%{z:.2f}",
            hovertemplate="%{z:.4f}<extra></extra>",
            xgap=1,
            ygap=1,
        )
    )
    figure.update_xaxes(showgrid=False, zeroline=False)
    figure.update_yaxes(showgrid=False, zeroline=False, autorange="reversed")
    figure.update_layout(
        template=None,
        title={"text": f"What “{guess}” in the gap rests on, seen in {len(shown)} ways"},
        height=170 + 34 * len(shown),
        coloraxis={"cmin": 0, "colorbar": {"title": {"text": "share of the view"}}},
        xaxis={
            "title": {"text": "token read"},
            "tickvals": list(range(len(names))),
            "ticktext": names,
        },
        yaxis={"tickvals": list(range(len(shown))), "ticktext": list(shown)},
    )
    return figure


def _over_patches(shown: dict[str, Tensor], names: list[str], guess: str) -> go.Figure:
    columns = len(shown) // 2
    figure = make_subplots(2, columns, subplot_titles=tuple(shown), vertical_spacing=0.16)
    for number, share in enumerate(shown.values()):
        figure.add_heatmap(
            z=[[round(s, 4) for s in row] for row in share.view(ACROSS, ACROSS).tolist()],
            coloraxis="coloraxis",
            hovertemplate="column %{x}, row %{y}: %{z:.3f}<extra></extra>",
            xgap=1,
            ygap=1,
            row=number // columns + 1,
            col=number % columns + 1,
        )
    figure.update_xaxes(showticklabels=False, ticks="", showgrid=False, zeroline=False)
    figure.update_yaxes(
        showticklabels=False, ticks="", showgrid=False, zeroline=False, autorange="reversed"
    )
    figure.update_annotations(font={"size": 11})
    figure.update_layout(
        template=None,
        title={"text": f"What “{guess}” rests on, of {len(names)} patches"},
        height=460,
        coloraxis={"cmin": 0, "colorbar": {"title": {"text": "share of the view"}}},
    )
    return figure


def _agreements(compared: dict[str, Tensor], count: int) -> go.Figure:
    found = [mean_and_error(correlations) for correlations in compared.values()]
    figure = go.Figure(
        go.Bar(
            x=[round(mean, 4) for mean, _ in found],
            y=list(compared),
            orientation="h",
            error_x={"array": [round(error, 4) for _, error in found], "color": "var(--ink)"},
        )
    )
    figure.update_layout(
        template=None,
        title={"text": f"Agreement with leaving one out, {count} inputs"},
        height=260,
        xaxis={"title": {"text": "rank correlation, ± std. error"}, "range": [-0.3, 1]},
        yaxis={"autorange": "reversed"},
    )
    return figure


def _reading(
    one: Answers, compared: dict[str, Tensor], names: list[str], guess: str, params: Params
) -> str:
    others = one.question.others
    seen = _shares(one.attention(_layer(one, params)), others)[0]
    falls = one.left_out[0][others]
    most = int(falls.abs().argmax())
    head, cut = int(one.sharpness[0].argmax()), int(one.heads_cut[0].abs().argmax())
    heads = one.patterns[0].shape[1]
    each = ", ".join(f"{name} {float(values.mean()):.2f}" for name, values in compared.items())
    return (
        f"The answer is “{guess}” (probability {float(one.scores[0].exp()):.2f}). The layer looks "
        f"most at “{names[int(seen.argmax())]}” ({float(seen.max()):.0%} of its look at others); "
        f"leaving out “{names[most]}” changes the answer's log-probability most, by "
        f"{-float(falls[most]):+.2f}. Head {head // heads + 1}.{head % heads + 1} is the "
        f"sharpest, silencing head {cut // heads + 1}.{cut % heads + 1} does most. Agreement with "
        f"leaving one out: {each}."
    )
