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
        Literal["causal", "none"],
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


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    translator, place = models.translator, params.place - 1
    batch = _draw(translator, params)
    log_probs = _one_pass(translator, batch, batch.reference[:, :-1], params.mask)  # (B, T, V)
    wrong = _mistake(params, translator, log_probs[:, place], batch.right[:, place])  # (B,)
    alone = _write(translator, batch, place, batch.filler + torch.zeros_like(wrong))
    runs = {"along the reference": log_probs.argmax(-1), "on its own": alone}  # (B, T) each
    if params.mistake != "none":
        slipped = batch.reference[:, :-1].clone()
        slipped[:, place + 1] = wrong
        again = _one_pass(translator, batch, slipped, params.mask).argmax(-1)  # (B, T)
        runs["along it, the mistake left in"] = again
        runs["on its own after the mistake"] = _write(translator, batch, place, wrong)
    hits = {name: batch.hits(guesses) for name, guesses in runs.items()}  # (B, T) each
    after = {name: float(hit[:, place + 1 :].nanmean()) for name, hit in hits.items()}
    written = list(runs.values())[-1]
    forced, own = after["along the reference"], list(after.values())[-1]
    lost = 1 - own / max(forced, 1e-9)
    return Illustration(
        figures=(_figure(hits, params),),
        reading=...,
        checks=(),
        table=_table(hits),
        outcome=0 if lost < 0.05 else 1 if lost < 0.5 else 2,
    )


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


def _mistake(
    params: Params, translator: Translator, log_probs: Tensor, right: Tensor
) -> Tensor:
    """A wrong token (B,) in the place of the `right` one (B,), whose log-probability is among
    `log_probs` (B, V)."""
    if params.mistake == "second":
        return log_probs.scatter(1, right[:, None], -torch.inf).argmax(dim=1)
    generator = torch.Generator().manual_seed(params.seed)
    first, size = len(translator.tokenizer.special), len(translator.tokenizer)
    drawn = torch.randint(first, size - 1, right.shape, generator=generator)
    return drawn + (drawn >= right)  # any but the right one


def _write(translator: Translator, batch: Batch, place: int, wrong: Tensor) -> Tensor:
    """What the model writes on its own, (B, T), where its token at the place is `wrong` (B,), or
    its own where that is padding."""
    end = translator.tokenizer.eos
    reading = Reading(translator.network, batch.memory, batch.real)
    token = batch.reference[:, :1]  # (B, 1), BOS
    written: list[Tensor] = []
    for step in range(batch.right.shape[1]):
        token = reading.read(token).argmax(dim=-1, keepdim=True)  # (B, V) -> (B, 1)
        if step == place:
            token = torch.where(wrong[:, None] == batch.filler, token, wrong[:, None])
        if written:
            ended = (written[-1] == end) | (written[-1] == batch.filler)
            token = token.masked_fill(ended, batch.filler)
        written.append(token)
    return torch.cat(written, dim=1)  # (B, T)
