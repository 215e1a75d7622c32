"""Next-token prediction: a text, one token after another.

A decoder that has read this project's answers goes on writing. At every step it gives each token of
its vocabulary a probability; temperature, top-k and top-p narrow these down, one token is drawn,
and it joins the input of the next step. The product of the steps' probabilities is that of the
text. Under the causal mask earlier keys and values never change, so that they are kept and a step
costs one token; take the mask off and the cache is wrong, and so is the product.
"""

import time
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Illustration, LabParams, Prediction, Table, UnfitInput
from model.attention import Cache
from model.checkpoint import Models
from model.config import Switches
from model.decode import narrow
from model.tokenizer import Tokenizer
from model.trace import Trace
from model.transformer import Transformer

LONGEST = 64  # tokens of the prompt
SHOWN = 10  # candidates
STEPS = 24  # tokens written
REPEATS = 9


class Params(LabParams):
    prompt: Annotated[
        str,
        Field(
            title="Text to go on from",
            description="The model has read about Transformers, and little of that.",
            min_length=1,
            max_length=200,
            examples=["The encoder reads", "A causal mask hides", "tick tock tick tock tick"],
        ),
    ] = "The mask hides every later"
    temperature: Annotated[
        float,
        Field(title="Temperature", description="0: always the likeliest token.", ge=0, le=3),
    ] = 0.8
    top_k: Annotated[
        int,
        Field(title="Top-k", description="Only the k likeliest are left; 0: all.", ge=0, le=2000),
    ] = 0
    top_p: Annotated[
        float,
        Field(title="Top-p", description="As few as have this share are left.", ge=0.01, le=1),
    ] = 0.9
    mask: Annotated[
        Literal["causal", "none"],
        Field(title="Mask", description="None: every token reads those after it as well."),
    ] = "causal"
    seed: Annotated[int, Field(title="Draw", description="Its number.", ge=1, le=999)] = 1
    step: Annotated[
        int, Field(title="Step", description="The token looked at; 0: the last.", ge=0, le=24)
    ] = 1


PREDICT = Prediction(
    "One more token joins the text. Of how many earlier tokens does the last layer's key change?",
    ("Of none.", "Of some.", "Of all."),
)


@dataclass(frozen=True)
class Step:
    """One token: the model's probabilities (V,), what narrowing left of them, and the choice."""

    own: Tensor
    left: Tensor
    token: int
    cached: Tensor  # (V,), log-probabilities read with the cache
    work: tuple[int, int]  # multiply-adds without and with it

    @property
    def rank(self) -> int:
        """The token's rank among the model's own probabilities, from 1."""
        return int((self.own > self.own[self.token]).sum()) + 1


@torch.no_grad()
def illustrate(params: Params, models: Models) -> Illustration:
    network, tokenizer = models.lm.network, models.lm.tokenizer
    assert tokenizer is not None
    prompt = tokenizer.encode(params.prompt)
    if not 1 <= len(prompt) <= LONGEST:
        raise UnfitInput(f"The text has {len(prompt)} tokens; write 1 to {LONGEST}, please.")
    steps = write(network, prompt, params)
    at = min(params.step or len(steps), len(steps))
    ids = [*prompt, *(step.token for step in steps)]
    changed = _changed_keys(network, ids, params)
    return Illustration(
        figures=(_candidates(steps[at - 1], at, tokenizer), _work(steps, len(prompt))),
        reading=_reading(steps, at, tokenizer),
        checks=(
            _cache_is_exact(steps, changed, len(ids) - 1),
            _chain_rule(network, steps, ids, params),
            _is_quicker(network, ids, params),
        ),
        table=_table(steps, tokenizer),
        outcome=0 if changed == 0 else 2 if changed == len(ids) - 1 else 1,
        data={
            "steps": len(steps),
            "before": tokenizer.decode(ids[: len(prompt) + at - 1]),
            "token": _text(ids, len(prompt) + at - 1, tokenizer),
            "after": tokenizer.decode(ids)[len(tokenizer.decode(ids[: len(prompt) + at])) :],
        },
    )


def write(network: Transformer, prompt: list[int], params: Params) -> list[Step]:
    """Go on from `prompt`, every step read twice: the whole text anew, and one token by cache."""
    switches, generator = Switches(mask=params.mask), torch.Generator().manual_seed(params.seed)
    cache, ids, steps = Cache(), list(prompt), list[Step]()
    for _ in range(STEPS):
        whole: Trace = {}
        part: Trace = {}
        logits = network.decode(torch.tensor([ids]), trace=whole, switches=switches)[0, -1]  # (V,)
        new = torch.tensor([ids[cache.length :]])  # (1, T) at first, then (1, 1)
        cached = network.decode(new, cache=cache, trace=part, switches=switches)[0, -1]  # (V,)
        left = narrow(
            logits,
            temperature=params.temperature,
            top_k=params.top_k or None,
            top_p=params.top_p,
        )
        token = int(torch.multinomial(left, 1, generator=generator))
        work = multiply_adds(network, whole), multiply_adds(network, part)
        steps.append(Step(logits.softmax(dim=-1), left, token, cached.log_softmax(dim=-1), work))
        ids.append(token)
    return steps


def multiply_adds(network: Transformer, trace: Trace) -> int:
    """Those of one pass, from the shapes in its trace: every matrix once for every token read, and
    for every score D products with a key and D with a value."""
    config = network.config
    tokens = trace["decoder.embedding"].shape[1]
    matrices = sum(w.numel() for w in network.parameters() if w.dim() == 2)  # the output's is tied
    scores = sum(trace[name].numel() for name in trace if name.endswith(".scores"))
    return tokens * matrices + 2 * scores * config.width


def _changed_keys(network: Transformer, ids: list[int], params: Params) -> int:
    """How many of the earlier tokens have another key in the last layer once the last is there."""
    name = f"decoder.{network.config.decoder_layers - 1}.self_attention.keys"
    traces: tuple[Trace, Trace] = {}, {}
    for trace, read in zip(traces, (ids[:-1], ids), strict=True):
        network.decode(torch.tensor([read]), trace=trace, switches=Switches(mask=params.mask))
    before, after = (trace[name][0, :, : len(ids) - 1] for trace in traces)  # (H, T, D)
    return int(((after - before).abs().amax(dim=(0, 2)) > 1e-5).sum())


def _cache_is_exact(steps: list[Step], changed: int, earlier: int) -> Check:
    difference = max(float((step.cached - step.own.log()).abs().max()) for step in steps)
    return Check(
        "Read with the cache, every step gives what reading the whole text anew gives.",
        f"largest difference of a log-probability: {difference:.1e}; one more token changes the "
        f"last layer's keys of {changed} of {earlier} earlier ones",
        difference < 1e-3,
    )


def _chain_rule(network: Transformer, steps: list[Step], ids: list[int], params: Params) -> Check:
    logits = network.decode(torch.tensor([ids]), switches=Switches(mask=params.mask))[0]  # (T, V)
    log_probs = logits.log_softmax(dim=-1)[:-1].gather(1, torch.tensor(ids[1:])[:, None])
    whole = float(log_probs[-len(steps) :].sum())
    product = sum(float(step.own[step.token].log()) for step in steps)
    return Check(
        "The steps' probabilities multiply to the text's, as one pass over all of it scores them.",
        f"log-probability {product:.4f} step by step, {whole:.4f} at once",
        abs(product - whole) < 1e-3,
    )


def _is_quicker(network: Transformer, ids: list[int], params: Params) -> Check:
    """The last token of a full context, read in turn without and with a cache of all before it."""
    switches, limit = Switches(mask=params.mask), network.config.limit
    tokens, past = torch.tensor([(ids * limit)[:limit]]), Cache()
    network.decode(tokens[:, :-1], cache=past, switches=switches)
    spent: tuple[list[float], list[float]] = [], []
    for _ in range(REPEATS):
        cache = Cache(past.length, dict(past.entries))
        start = time.perf_counter()
        network.decode(tokens, switches=switches)
        between = time.perf_counter()
        network.decode(tokens[:, -1:], cache=cache, switches=switches)
        spent[0].append(1000 * (between - start))
        spent[1].append(1000 * (time.perf_counter() - between))
    without, with_it = (f"{median(t):.1f} ms ({min(t):.1f} to {max(t):.1f})" for t in spent)
    return Check(
        "The cache makes a step quicker.",
        f"the text repeated to {limit} tokens, its last step: {without} without, {with_it} with "
        f"the cache; median, least and most of {REPEATS}",
        median(spent[0]) > median(spent[1]),
    )


def _text(ids: list[int], place: int, tokenizer: Tokenizer) -> str:
    """What the token at `place` adds to the text."""
    return tokenizer.decode(ids[: place + 1])[len(tokenizer.decode(ids[:place])) :]


def _entropy(chances: Tensor) -> float:
    """Of probabilities (V,), in bits."""
    return abs(float((chances * chances.clamp_min(1e-30).log2()).sum()))


def _candidates(step: Step, at: int, tokenizer: Tokenizer) -> go.Figure:
    shown = step.own.topk(SHOWN).indices.tolist()
    if step.token not in shown:
        shown[-1] = step.token
    names = [
        f"{tokenizer.piece(i)} (drawn)" if i == step.token else tokenizer.piece(i) for i in shown
    ]
    figure = go.Figure()
    for name, chances in (("of the model", step.own), ("left to draw from", step.left)):
        likely = [round(float(chances[i]), 4) for i in shown]
        figure.add_bar(name=name, x=likely, y=list(range(len(shown))), orientation="h")
    figure.update_layout(
        template=None,
        title={"text": f"What may come next, token {at}"},
        height=460,
        xaxis={"title": {"text": "probability"}, "rangemode": "tozero"},
        yaxis={
            "title": {"text": "candidate"},
            "tickvals": list(range(len(names))),
            "ticktext": [name.replace("\n", "↵") for name in names],
            "autorange": "reversed",
        },
        legend={"orientation": "h", "y": -0.2},
    )
    return figure


def _work(steps: list[Step], prompt: int) -> go.Figure:
    figure = go.Figure()
    for column, name in enumerate(("without cache", "with cache")):
        figure.add_scatter(
            name=name,
            x=[prompt + number for number in range(len(steps))],
            y=[round(step.work[column] / 1e6, 3) for step in steps],
            mode="lines+markers",
        )
    figure.update_layout(
        template=None,
        title={"text": "Work of each step"},
        height=360,
        xaxis={"title": {"text": "tokens in the text"}},
        yaxis={"title": {"text": "multiply-adds (millions)"}, "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.3},
    )
    return figure


def _reading(steps: list[Step], at: int, tokenizer: Tokenizer) -> str:
    step = steps[at - 1]
    without, with_it = (sum(step.work[column] for step in steps) for column in (0, 1))
    return (
        f"Token {at} is “{tokenizer.piece(step.token)}”: probability "
        f"{float(step.own[step.token]):.3f} (rank {step.rank}), "
        f"{float(step.left[step.token]):.3f} once {int((step.left > 0).sum())} of {len(step.own)} "
        f"tokens are left. Narrowing takes the entropy from {_entropy(step.own):.2f} to "
        f"{_entropy(step.left):.2f} bits. Writing all {len(steps)} tokens takes "
        f"{without / 1e6:.0f} million multiply-adds without the cache and {with_it / 1e6:.0f} with "
        "it, the prompt included."
    )


def _table(steps: list[Step], tokenizer: Tokenizer) -> Table:
    return Table(
        columns=("step", "token", "probability", "rank", "tokens left", "probability left"),
        rows=tuple(
            (
                number,
                tokenizer.piece(step.token),
                round(float(step.own[step.token]), 4),
                step.rank,
                int((step.left > 0).sum()),
                round(float(step.left[step.token]), 4),
            )
            for number, step in enumerate(steps, 1)
        ),
    )
