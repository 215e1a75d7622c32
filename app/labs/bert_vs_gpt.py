"""BERT and GPT: one sentence, read from both sides and from one.

Our encoder that fills gaps (a small BERT) and our decoder that goes on (a small GPT) read the same
words. In the encoder every prediction may rest on what stands before and after; in the decoder, on
what stands before alone. That is the mask's work, not the block's, which is nearly the same: give
the encoder the causal mask, or take it from the decoder, and the claims change sides. The states of
a text that grows stay valid in the decoder alone, and its loss teaches at every token.
"""

from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Illustration, LabParams, Prediction, Table, UnfitInput
from app.labs.parts.gaps import corrupt, unseen_sentences
from app.labs.parts.reader_figures import draw_change, draw_maps
from app.labs.parts.readers import Reader, moved
from app.labs.parts.translation import Head, Layer
from model.checkpoint import Models
from model.translator import tidy

BERT, GPT = "encoder (BERT)", "decoder (GPT)"
LONGEST = 16  # words
TOKENS = 32
SENTENCES = 16  # held out, for the loss
ASIDE = Field(json_schema_extra={"aside": True})
APART = (
    "The two were trained on different texts: compare what may reach what, not who guesses better."
)


class Params(LabParams):
    sentence: Annotated[
        str,
        Field(
            title="Sentence",
            description="Both models read it in lower case, marks apart.",
            min_length=1,
            max_length=120,
        ),
    ] = "The teacher reads many new keys."
    changed: Annotated[
        str, Field(title="Change", description="A word of it.", min_length=1, max_length=30)
    ] = "keys"
    into: Annotated[
        str,
        Field(title="into", description="What stands there instead.", min_length=1, max_length=30),
    ] = "key"
    encoder_mask: Annotated[
        Literal["none", "causal"],
        Field(title="Encoder's mask", description="None, as trained, or the decoder's."),
    ] = "none"
    decoder_mask: Annotated[
        Literal["causal", "none"],
        Field(title="Decoder's mask", description="Causal, as trained, or none."),
    ] = "causal"
    layer: Annotated[Layer, ASIDE] = "1"
    head: Annotated[Head, ASIDE] = "mean"
    share: Annotated[
        int,
        Field(
            title="Tokens hidden (%)",
            description="In the encoder's training; BERT hid 15 %.",
            ge=10,
            le=60,
            json_schema_extra={"aside": True},
        ),
    ] = 15


PREDICT = Prediction(
    "One word becomes another. Where do the models' predictions of the other words change?",
    (
        "After it in the decoder; on both sides of it in the encoder.",
        "On both sides of it in both.",
        "After it in both.",
        "After it in the encoder; on both sides of it in the decoder.",
    ),
)


@torch.no_grad()
def illustrate(params: Params, models: Models) -> Illustration:
    words = _words(params)
    place = words.index(params.changed.strip().lower())
    readers = {
        BERT: Reader.of(models.mlm, words, causal=params.encoder_mask == "causal"),
        GPT: Reader.of(models.lm, words, causal=params.decoder_mask == "causal"),
    }
    into = params.into.strip().lower()
    others = {name: reader.with_word(place, into) for name, reader in readers.items()}
    if max(len(reader.ids) for reader in (*readers.values(), *others.values())) > TOKENS:
        raise UnfitInput(f"One of the models cuts this into more than {TOKENS} tokens.")
    before = {name: reader.foretell(reader.ids[None])[0] for name, reader in readers.items()}
    after = {name: other.foretell(other.ids[None])[0] for name, other in others.items()}
    moves = {name: moved(before[name], after[name]) for name in readers}  # (N,) each
    reach = {name: reader.reach() for name, reader in readers.items()}
    return Illustration(
        figures=(
            draw_change(moves, words, place, into),
            draw_maps(reach, dict.fromkeys(readers, words), "Which word moves which prediction"),
            _patterns(readers, params),
        ),
        reading=_reading(readers, before, after, words, place, into),
        checks=(
            *_sides(reach),
            *_one_more(readers),
            _order_matters(readers[BERT]),
            _terms(models, readers, params.share),
            _same_block(readers),
        ),
        table=_table(readers, before, moves, words),
        notes=(APART,),
        outcome=_outcome(reach),
    )


def _words(params: Params) -> list[str]:
    """The sentence's words. UnfitInput for too few, too many, or none to change."""
    words = tidy(params.sentence, "en").split()
    if not 3 <= len(words) <= LONGEST:
        raise UnfitInput(f"The sentence has {len(words)} words and marks; write 3 to {LONGEST}.")
    if params.changed.strip().lower() not in words:
        raise UnfitInput(f"There is no word “{params.changed}” in “{' '.join(words)}”.")
    if len(params.into.split()) != 1:
        raise UnfitInput("Change the word into one other word, please.")
    return words


def _reaches(reach: Tensor) -> tuple[float, float]:
    """The most that a change moves of what is foretold before it, and after it."""
    return float(reach.triu(1).max()), float(reach.tril(-1).max())


def _outcome(reach: dict[str, Tensor]) -> int:
    bert, gpt = (_reaches(reach[name])[0] > 1e-3 for name in (BERT, GPT))
    return (1 if gpt else 0) if bert else (3 if gpt else 2)


def _sides(reach: dict[str, Tensor]) -> tuple[Check, Check, Check]:
    (bert_back, bert_on), (gpt_back, gpt_on) = (_reaches(reach[name]) for name in (BERT, GPT))
    return (
        Check(
            "In both, a prediction rests on words before it.",
            f"an earlier word moves up to {bert_on:.2f} of it in the encoder, {gpt_on:.2f} in the "
            "decoder",
            min(bert_on, gpt_on) > 0.01,
        ),
        Check(
            "In the encoder it rests on words after it as well.",
            f"a later word moves up to {bert_back:.2f} of a prediction",
            bert_back > 0.01,
        ),
        Check(
            "In the decoder no later word has any part in it, nor the word itself.",
            f"a later word moves up to {gpt_back:.1e}, the word itself up to "
            f"{float(reach[GPT].diagonal().max()):.1e}",
            float(reach[GPT].triu().max()) < 1e-5,
        ),
    )


def _one_more(readers: dict[str, Reader]) -> tuple[Check, Check]:
    moves = {name: reader.moved_by_one_more() for name, reader in readers.items()}
    stale = {name: int((move > 1e-4).sum()) for name, move in moves.items()}
    measured = {
        name: f"{stale[name]} of {len(move)} states move, by up to {float(move.max()):.1e} of "
        "their length"
        for name, move in moves.items()
    }
    return (
        Check(
            "One more token leaves the decoder's earlier states valid: they can be kept.",
            measured[GPT],
            stale[GPT] == 0,
        ),
        Check(
            "It alters every state of the encoder, which has to read all anew.",
            measured[BERT],
            stale[BERT] == len(moves[BERT]),
        ),
    )


def _order_matters(reader: Reader) -> Check:
    left, right = reader.bits_in_order()
    return Check(
        "The encoder gives a text no one probability: the order in which gaps are filled counts.",
        f"the sentence filled in from the left {left:.1f} bits, from the right {right:.1f}",
        abs(left - right) > 0.1,
    )


def _terms(models: Models, readers: dict[str, Reader], share: int) -> Check:
    """Held-out sentences as in training: at how many tokens each loss has a gradient."""
    bert, gpt = (readers[name] for name in (BERT, GPT))
    rows = unseen_sentences(bert.tokenizer, SENTENCES)  # (B, T)
    real = rows != bert.tokenizer.pad
    generator = torch.Generator().manual_seed(1)
    given, *kinds = corrupt(rows, real, share / 100, bert.tokenizer, generator)
    chosen = kinds[0] | kinds[1] | kinds[2]
    logits = models.mlm.network(given, real=real)  # (B, T, V)
    bert_terms = _taught(logits, rows, chosen)
    gpt_terms = gpt_tokens = 0
    for row, kept in zip(rows, real, strict=True):
        ids = torch.tensor([gpt.tokenizer.encode(bert.tokenizer.decode(row[kept].tolist()))])
        logits = gpt.network.logits(gpt.states(ids[:, :-1]))  # (1, T - 1, V)
        gpt_terms += _taught(logits, ids[:, 1:], torch.ones_like(ids[:, 1:], dtype=torch.bool))
        gpt_tokens += ids.shape[1]
    shares = bert_terms / int(real.sum()), gpt_terms / gpt_tokens
    return Check(
        "The decoder's loss teaches at several times as many tokens.",
        f"in {SENTENCES} held-out sentences the encoder's loss has a gradient at {bert_terms} of "
        f"{int(real.sum())} tokens ({shares[0]:.0%}), the decoder's at {gpt_terms} of {gpt_tokens} "
        f"({shares[1]:.0%}: all but each first one)",
        shares[1] > 3 * shares[0],
    )


def _taught(logits: Tensor, wanted: Tensor, counted: Tensor) -> int:
    """At how many places the mean loss over those `counted` (B, T) has a gradient."""
    with torch.enable_grad():
        leaf = logits.requires_grad_()
        F.cross_entropy(leaf[counted], wanted[counted]).backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    return int((leaf.grad.abs().amax(dim=-1) > 0).sum())


def _same_block(readers: dict[str, Reader]) -> Check:
    """Whether the layers have about as many weights, and both no cross-attention."""
    sizes, cross = {}, 0
    for name, reader in readers.items():
        layer = (reader.network.encoder or reader.network.decoder).layers[0]  # type: ignore[union-attr]
        sizes[name] = sum(weights.numel() for weights in layer.parameters())
        cross += layer.cross_attention is not None
    per_square = {name: size / reader.network.config.channels**2 for (name, size) in sizes.items()}
    return Check(
        "The block is nearly the same: self-attention, a feed-forward network, two norms.",
        ", ".join(f"{name} {size:,} weights a layer" for name, size in sizes.items())
        + f" ({', '.join(f'{ratio:.1f} d²' for ratio in per_square.values())}); layers with "
        f"cross-attention: {cross}",
        max(sizes.values()) < 1.05 * min(sizes.values()) and cross == 0,
    )


def _patterns(readers: dict[str, Reader], params: Params) -> go.Figure:
    head = "mean of the heads" if params.head == "mean" else f"head {params.head}"
    return draw_maps(
        {n: reader.pattern(int(params.layer) - 1, params.head) for n, reader in readers.items()},
        {n: reader.tokenizer.pieces(reader.ids.tolist()) for n, reader in readers.items()},
        f"Attention, layer {params.layer}, {head}",
    )


def _reading(
    readers: dict[str, Reader],
    before: dict[str, Tensor],
    after: dict[str, Tensor],
    words: list[str],
    place: int,
    into: str,
) -> str:
    found = []
    for name, reader in readers.items():
        moves = moved(before[name], after[name])
        most, earlier = int(moves.argmax()), int((moves[:place] > 0.01).sum())
        guesses = [reader.tokenizer.piece(int(p[name][most].argmax())) for p in (before, after)]
        token = reader.words[most][0]
        found.append(
            f"the {name} predicts {earlier} of {place} earlier words differently; its prediction "
            f"of “{words[most]}” moves most, by {float(moves[most]):.2f} (that word itself from "
            f"{float(before[name][most, token]):.3f} to {float(after[name][most, token]):.3f}, the "
            f"first guess from “{guesses[0]}” to “{guesses[1]}”)"
        )
    return f"With “{into}” for “{words[place]}”, " + "; ".join(found) + "."


def _table(
    readers: dict[str, Reader],
    before: dict[str, Tensor],
    moves: dict[str, Tensor],
    words: list[str],
) -> Table:
    columns = ["word"]
    cells: list[list[str | float]] = [[word] for word in words]
    for name, reader in readers.items():
        columns += [f"{name} guesses", "probability of the word", "moved by the change"]
        for number, chances in enumerate(before[name]):
            said = bool(chances.sum() > 0)
            cells[number] += [
                reader.tokenizer.piece(int(chances.argmax())) if said else "(nothing before it)",
                round(float(chances[reader.words[number][0]]), 4),
                round(float(moves[name][number]), 4),
            ]
    return Table(columns=tuple(columns), rows=tuple(tuple(row) for row in cells))
