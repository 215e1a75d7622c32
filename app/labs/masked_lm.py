"""Masked language modelling: guess a hidden word from both sides.

An encoder reads a sentence in which one word is hidden and says how likely each word of its
vocabulary is there. Attention looks both ways, so that what comes after the gap counts as much as
what comes before. Hide one side and that claim breaks. Leave the word in its place and there is
nothing to guess: the answer is read off the input. In training some of the chosen tokens are not
masked but swapped or kept, so that every token's vector has to be good; the last checks measure
this on sentences that the model never saw.
"""

from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from app.labs.gaps import CONTEXTS, GappedSentence, guess, read, surprise, tokenizer_of, unseen_sentences
from app.labs.illustration import (
    Check,
    Illustration,
    LabParams,
    Prediction,
    Table,
)
from model.checkpoint import Models
from model.tasks.masked import MASK
from model.tokenizer import Tokenizer
from model.transformer import Transformer

SENTENCES, COPIES = 16, 12  # held out; each is corrupted so many times
SHOWN = 8  # candidates


class Params(LabParams):
    sentence: GappedSentence = "The old dog drinks the beer."
    hide: Annotated[
        str,
        Field(
            title="Word to hide",
            description="A word of the sentence; of several, the first.",
            min_length=1,
            max_length=30,
            examples=["drinks", "beer", "dog", "the"],
        ),
    ] = "drinks"
    context: Annotated[
        Literal["both", "left", "right"],
        Field(
            title="Context",
            description="The side that the model may read; the other is masked.",
            json_schema_extra={"labels": CONTEXTS},
        ),
    ] = "both"
    instead: Annotated[
        Literal["mask", "other", "itself"],
            Field(
            title="In the word's place",
            description="What the model reads there: in training, 80, 10 and 10 % of the time.",
            json_schema_extra={
                "labels": {"mask": "the mask", "other": "a random token", "itself": "the word"}
            },
        ),
    ] = "mask"
    share: Annotated[
        int,
        Field(
            title="Tokens chosen (%)",
            description="Of the held-out sentences; BERT chose 15 %.",
            ge=10,
            le=50,
            json_schema_extra={"aside": True},
        ),
    ] = 15
    seed: Annotated[
        int,
        Field(
            title="Seed",
            description="Which tokens are chosen, and swapped for what.",
            ge=1,
            le=99,
            json_schema_extra={"aside": True},
        ),
    ] = 1


PREDICT = Prediction(
    "All that comes after the gap is hidden as well. What happens to the probability of the "
    "hidden word?",
    ("It falls to less than half.", "It changes little.", "It more than doubles."),
)


@torch.no_grad()
def illustrate(params: Params, models: Models) -> Illustration:
    network, tokenizer = models.mlm.network, _tokenizer(models.mlm)
    ids, place = _read(params, tokenizer)  # (T,)
    chances = {
        context: _guess(network, tokenizer, params, ids, place, context) for context in CONTEXTS
    }  # (V,) each
    chosen = chances[params.context]
    surprise = {context: _surprise(network, tokenizer, ids[None], context) for context in CONTEXTS}
    candidates = chosen.topk(SHOWN).indices.tolist()
    tokens = tokenizer.pieces(ids.tolist())
    alone = float(chances["left"][ids[place]] / chances["both"][ids[place]])
    rows = _unseen_sentences(tokenizer)
    return Illustration(
        figures=(
            _candidates(chances, candidates, tokenizer, tokens[place]),
            _by_word(surprise, tokens),
        ),
        reading=_reading(params, chances, candidates, tokenizer, ids, place),
        checks=(
            *_sides(network, tokenizer, params, ids, place),
            _not_in_the_input(network, tokenizer, params, ids, place),
            _two_sides_tell_more(network, tokenizer, rows, params.context),
            *_corrupted(network, tokenizer, rows, params),
        ),
        table=Table(
            columns=("candidate", *CONTEXTS.values()),
            rows=tuple(
                (tokenizer.piece(i), *(round(float(p[i]), 4) for p in chances.values()))
                for i in candidates
            ),
        ),
        outcome=(1 if 0.5 <= alone <= 2 else 0 if alone < 0.5 else 2)
        if place < len(ids) - 1
        else None,
    )


def _sides(
    network: Transformer, tokenizer: Tokenizer, params: Params, ids: Tensor, place: int
) -> list[Check]:
    """For each side that has words: whether hiding it changes the guess."""
    chances = _guess(network, tokenizer, params, ids, place, params.context)
    found = []
    for side, other, words in (("left", "right", place), ("right", "left", len(ids) - 1 - place)):
        if words:
            if params.context == side:  # then nothing at all is left to read
                bare = torch.full_like(ids, tokenizer.identity(MASK))
                without = network(bare[None])[0, place].softmax(dim=-1)
            else:
                without = _guess(network, tokenizer, params, ids, place, other)
            moved = float((chances - without).abs().sum() / 2)
            found.append(
                Check(
                    f"What stands on the {side} of the gap changes the guess.",
                    f"hiding the {side} side moves {moved:.2f} of the probability",
                    moved > 0.01,
                )
            )
    return found


def _not_in_the_input(
    network: Transformer, tokenizer: Tokenizer, params: Params, ids: Tensor, place: int
) -> Check:
    swapped = ids.clone()
    swapped[place] = 4 + (int(ids[place]) - 3) % (len(tokenizer) - 4)
    one, other = (
        _guess(network, tokenizer, params, x, place, params.context) for x in (ids, swapped)
    )
    moved = float((one - other).abs().sum() / 2)
    return Check(
        "The answer is not in the input.",
        f"another hidden word in the same place moves {moved:.2f} of the probability",
        moved == 0,
    )


def _two_sides_tell_more(
    network: Transformer, tokenizer: Tokenizer, rows: Tensor, context: str
) -> Check:
    bits = {c: float(_surprise(network, tokenizer, rows, c).mean()) for c in CONTEXTS}
    return Check(
        "With what this model reads, a hidden word surprises it less than with one side alone.",
        f"over all {int((rows != tokenizer.pad).sum())} tokens of {len(rows)} held-out sentences: "
        + ", ".join(f"{name} {bits[c]:.2f} bits" for c, name in CONTEXTS.items()),
        bits[context] < min(bits["left"], bits["right"]),
    )


def corrupt(
    tokens: Tensor, real: Tensor, share: float, tokenizer: Tokenizer, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`tokens` (B, T) as BERT reads them in training, and which are masked, swapped and kept. Of a
    `share` chosen, 80, 10 and 10 %. Devlin et al. 2019, section 3.1."""
    chosen = (torch.rand(tokens.shape, generator=generator) < share) & real
    draw = torch.rand(tokens.shape, generator=generator)
    others = torch.randint(4, len(tokenizer), tokens.shape, generator=generator)
    masked, swapped = chosen & (draw < 0.8), chosen & (draw >= 0.9)
    given = tokens.masked_fill(masked, tokenizer.identity(MASK))
    return torch.where(swapped, others, given), masked, swapped, chosen & ~masked & ~swapped


def _corrupted(
    network: Transformer, tokenizer: Tokenizer, rows: Tensor, params: Params
) -> tuple[Check, Check]:
    """Held-out sentences as in training: where the loss comes from, and what is restored."""
    generator = torch.Generator().manual_seed(params.seed)
    tokens = rows.repeat(COPIES, 1)
    real = tokens != tokenizer.pad
    given, *kinds = corrupt(tokens, real, params.share / 100, tokenizer, generator)
    chosen = kinds[0] | kinds[1] | kinds[2]
    logits = network(given, real=real)  # (B, T, V)
    right = logits.argmax(dim=-1) == tokens
    masked, swapped, kept = (float(right[kind].float().mean()) for kind in kinds)
    with torch.enable_grad():
        leaf = logits.requires_grad_()
        F.cross_entropy(leaf[chosen], tokens[chosen]).backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    taught = leaf.grad.abs().amax(dim=-1) > 0  # (B, T, V) -> (B, T)
    counts = [int(kind.sum()) for kind in kinds]
    return (
        Check(
            "The loss comes from the chosen tokens alone.",
            f"{int(chosen.sum())} of {int(real.sum())} tokens chosen ({counts[0]} masked, "
            f"{counts[1]} swapped, {counts[2]} kept); a gradient at {int(taught.sum())} of them, "
            f"at {int((taught & ~chosen).sum())} others",
            bool((taught == chosen).all()),
        ),
        Check(
            "Swapped tokens, which nothing marks, are restored too.",
            f"restored: {masked:.0%} of the masked, {swapped:.0%} of the swapped, "
            f"{kept:.0%} of the kept",
            swapped > masked / 2,
        ),
    )


def _candidates(
    chances: dict[str, Tensor], candidates: list[int], tokenizer: Tokenizer, word: str
) -> go.Figure:
    names = tokenizer.pieces(candidates)
    figure = go.Figure(
        [
            go.Bar(name=name, x=[round(float(chances[context][i]), 4) for i in candidates])
            for context, name in CONTEXTS.items()
        ]
    )
    figure.update_traces(y=list(range(len(names))), orientation="h")
    figure.update_layout(
        template=None,
        title={"text": f"What may stand in place of “{word}”"},
        height=140 + 42 * len(names),
        xaxis={"title": {"text": "probability"}, "rangemode": "tozero"},
        yaxis={
            "title": {"text": "candidate"},
            "tickvals": list(range(len(names))),
            "ticktext": names,
            "autorange": "reversed",
        },
        legend={"orientation": "h", "y": -0.2},
    )
    return figure


def _by_word(surprise: dict[str, Tensor], tokens: list[str]) -> go.Figure:
    figure = go.Figure(
        [
            go.Scatter(
                name=name,
                x=list(range(len(tokens))),
                y=[round(bits, 3) for bits in surprise[context].tolist()],
                mode="lines+markers",
            )
            for context, name in CONTEXTS.items()
        ]
    )
    figure.update_layout(
        template=None,
        title={"text": "Each word hidden in turn: how surprising it is"},
        height=340,
        xaxis={
            "title": {"text": "hidden word"},
            "tickvals": list(range(len(tokens))),
            "ticktext": tokens,
        },
        yaxis={"title": {"text": "surprise (bits, −log₂ p)"}, "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.35},
    )
    return figure


def _reading(
    params: Params,
    chances: dict[str, Tensor],
    candidates: list[int],
    tokenizer: Tokenizer,
    ids: Tensor,
    place: int,
) -> str:
    truth, best = int(ids[place]), candidates[0]
    chosen = chances[params.context]
    rank = int((chosen > chosen[truth]).sum()) + 1
    each = ", ".join(f"{float(p[truth]):.3f} from the {CONTEXTS[c]}" for c, p in chances.items())
    return (
        f"From the {CONTEXTS[params.context]} the model thinks of “{tokenizer.piece(best)}” first "
        f"({float(chosen[best]):.2f}); “{tokenizer.piece(truth)}”, which stood there, comes at "
        f"rank {rank} of {len(tokenizer)}. Its probability: {each}."
    )
