"""Path length: how far the last word is from the first.

In a recurrent network the first token reaches the last through every step between, and each step
takes its toll of the gradient; attention joins any two tokens in one. The same steps must be taken
one after another, more of them the longer the text, where attention reads all tokens at once. Open
the LSTM's forget gates and its reach grows; give attention a window and what lies beyond is out of
reach; let it write instead of read, and it too goes token by token.
"""

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Chosen, Illustration, LabParams, Prediction, Table
from app.labs.parts.bands import POWERS, add_line, finish, median, shorten
from model.checkpoint import Models

CHANNELS, REPEATS = 32, 5
FLOOR = 1e-20  # what is smaller is drawn as this
FAR = 0.1  # a share below which a dependence has decayed
Reader = Callable[[Tensor], Tensor]

PREDICT = Prediction(
    "Attention, as set here: how strongly does the last output depend on the first quarter of the "
    "tokens, beside the last quarter?",
    ("About as strongly.", "More than ten times more weakly.", "Not at all."),
)


class Params(LabParams):
    tokens: Annotated[
        Literal["16", "32", "64", "128", "256"],
        Chosen,
        Field(title="Tokens", description="The length of the sequence."),
    ] = "128"
    forget: Annotated[
        float,
        Field(
            title="Forget bias",
            description="Of the LSTM's forget gates: at 0, about where PyTorch begins, they keep "
            "half of the state a step; at 6, 0.998.",
            ge=0,
            le=6,
        ),
    ] = 0.0
    window: Annotated[
        int,
        Field(
            title="Window",
            description="How many tokens back attention sees; 0: all of them.",
            ge=0,
            le=256,
        ),
    ] = 0
    mode: Annotated[
        Literal["read", "write"],
        Field(
            title="Mode",
            description="Reading a text that is there, as in training, or writing one: each output "
            "is the next input.",
            json_schema_extra={"labels": {"read": "reading", "write": "writing"}},
        ),
    ] = "read"


def illustrate(params: Params, models: Models) -> Illustration:
    length = int(params.tokens)
    writes = params.mode == "write"
    reach = {
        "LSTM": measure_reach(build_lstm(params.forget), length),
        "attention": measure_reach(build_attention(params.window), length),
    }
    lengths = [2**power for power in range(2, length.bit_length())]
    steps = {
        "LSTM": [count_steps(build_lstm(params.forget, writes), n) for n in lengths],
        "attention": [count_steps(build_attention(params.window, writes), n) for n in lengths],
    }
    share = far_share(reach["attention"])
    return Illustration(
        figures=(_reach_figure(reach), _steps_figure(lengths, steps, params)),
        reading=_reading(params, reach, steps),
        checks=_checks(params, reach, steps),
        table=_table(reach),
        outcome=2 if share == 0 else 1 if share < FAR else 0,
    )


def draw(seed: int, *shape: int) -> Tensor:
    """Numbers from N(0, 1), different in each of R repeats: (R, ...)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(REPEATS, *shape, generator=generator, dtype=torch.double)


def build_lstm(forget: float, writes: bool = False) -> Reader:
    """A fresh LSTM, (R, T, C) -> (R, T, C): weights as PyTorch draws them, uniform within 1/√C,
    and the forget gates' bias as given. Hochreiter and Schmidhuber 1997; Gers et al. 2000."""
    generator = torch.Generator().manual_seed(1)
    shape = (REPEATS, CHANNELS, 4 * CHANNELS)
    inward, onward = (
        (2 * torch.rand(shape, generator=generator, dtype=torch.double) - 1) / math.sqrt(CHANNELS)
        for _ in range(2)
    )
    bias = torch.zeros(4 * CHANNELS, dtype=torch.double)
    bias[CHANNELS : 2 * CHANNELS] = forget
    return lambda inputs: run_lstm(inputs, inward, onward, bias, writes)


def run_lstm(inputs: Tensor, inward: Tensor, onward: Tensor, bias: Tensor, writes: bool) -> Tensor:
    """Every state (R, T, C) for `inputs` (R, T, C), with weights (R, C, 4C) and a bias (4C,), the
    gates in PyTorch's order: input, forget, cell, output. `writes`: each state is the next input.
    """
    state = cell = torch.zeros_like(inputs[:, :1])  # (R, 1, C)
    states: list[Tensor] = []
    for place in range(inputs.shape[1]):
        read = state if writes and states else inputs[:, place : place + 1]  # (R, 1, C)
        gates = read @ inward + state @ onward + bias  # (R, 1, 4C)
        let_in, keep, new, let_out = gates.chunk(4, dim=-1)  # (R, 1, C) each
        cell = keep.sigmoid() * cell + let_in.sigmoid() * new.tanh()
        state = let_out.sigmoid() * cell.tanh()
        states.append(state)
    return torch.cat(states, dim=1)


def build_attention(window: int, writes: bool = False) -> Reader:
    """A fresh layer of causal self-attention, (R, T, C) -> (R, T, C), that sees the last `window`
    tokens, itself among them, or all if that is 0. Vaswani et al. 2017, equation 1."""
    matrices = [draw(seed, CHANNELS, CHANNELS) / math.sqrt(CHANNELS) for seed in (2, 3, 4)]

    def attend(asking: Tensor, inputs: Tensor, seen: Tensor) -> Tensor:
        queries = asking @ matrices[0]  # (R, 1 or T, C)
        keys, values = (inputs @ matrix for matrix in matrices[1:])  # (R, T, C) each
        scores = queries @ keys.mT / math.sqrt(CHANNELS)  # (R, 1 or T, T)
        return scores.masked_fill(~seen, -math.inf).softmax(dim=-1) @ values

    def read(inputs: Tensor) -> Tensor:
        places = torch.arange(inputs.shape[1])
        back = places[:, None] - places  # (T, T)
        return attend(inputs, inputs, (back >= 0) & ((back < window) if window else True))

    def write(inputs: Tensor) -> Tensor:
        written = [inputs[:, :1]]
        for _ in range(inputs.shape[1]):
            past = torch.cat(written[-window:], dim=1)  # (R, t, C); all of them if window is 0
            written.append(attend(written[-1], past, torch.tensor(True)))
        return torch.cat(written[1:], dim=1)

    return write if writes else read


def measure_reach(reader: Reader, length: int) -> Tensor:
    """Gradient norm of the last output's sum with respect to each input: (T, R)."""
    inputs = draw(5, length, CHANNELS).requires_grad_()
    (gradient,) = torch.autograd.grad(reader(inputs)[:, -1].sum(), inputs)
    reach: Tensor = gradient.norm(dim=-1).T  # (R, T) -> (T, R)
    return reach


def far_share(reach: Tensor) -> float:
    """The mean reach (T, R) of the first quarter of the tokens over that of the last quarter, the
    last token itself left out."""
    quarter = len(reach) // 4
    near = reach[-quarter:-1].mean()
    return float(reach[:quarter].mean() / near) if near > 0 else 0.0


def count_steps(reader: Reader, length: int) -> int:
    """The longest chain of operations, each of which needs the one before, to the last output."""
    return longest_chain(reader(draw(5, length, CHANNELS).requires_grad_())[:, -1])


def longest_chain(output: Tensor) -> int:
    """How many operations long the longest path from `output` back to a leaf is."""
    lengths: dict[object, int] = {}
    stack = [output.grad_fn]
    while stack:
        node = stack[-1]
        assert node is not None
        before = [parent for parent, _ in node.next_functions if parent is not None]
        open_ = [parent for parent in before if parent not in lengths]
        if open_:
            stack += open_
        else:
            lengths[stack.pop()] = 1 + max((lengths[parent] for parent in before), default=0)
    return lengths[output.grad_fn]


def _checks(
    params: Params, reach: dict[str, Tensor], steps: dict[str, list[int]]
) -> tuple[Check, ...]:
    length, attended = int(params.tokens), far_share(reach["attention"])
    recurrent = far_share(reach["LSTM"])
    touched = int((reach["attention"] > 0).all(dim=1).sum())
    (few, many), (short, long) = ((counts[0], counts[-1]) for counts in steps.values())
    return (
        Check(
            "Attention's gradient does not decay with distance.",
            f"first quarter of the tokens over the last: {attended:.2g}",
            attended > FAR,
        ),
        Check(
            "The LSTM's gradient decays with distance.",
            f"first quarter of the tokens over the last: {recurrent:.2g}",
            recurrent < FAR,
        ),
        Check(
            "One layer of attention joins the last token to every other.",
            f"{touched} of {length} inputs move the last output",
            touched == length,
        ),
        Check(
            "The LSTM's steps that wait for each other grow with the length.",
            f"longest chain of operations: {few:,} at 4 tokens, {many:,} at {length}",
            many > few * length / 8,
        ),
        Check(
            "Attention's do not.",
            f"longest chain of operations: {short:,} at 4 tokens, {long:,} at {length}",
            short == long,
        ),
    )


def _reading(params: Params, reach: dict[str, Tensor], steps: dict[str, list[int]]) -> str:
    verb = "reading" if params.mode == "read" else "writing"
    first = {name: median(values[0]) for name, values in reach.items()}
    before = {name: median(values[-2]) for name, values in reach.items()}
    return (
        f"The last of {params.tokens} outputs depends on the input just before it with a gradient "
        f"of {before['LSTM']} in the LSTM and of {before['attention']} in attention; on the first "
        f"input with {first['LSTM']} and {first['attention']} (medians of {REPEATS} fresh "
        f"networks; bands from the lowest to the highest). In {verb}, the longest chain of "
        f"operations that wait for each other is {steps['LSTM'][-1]:,} long in the LSTM and "
        f"{steps['attention'][-1]:,} in attention, whatever the number of processors."
    )


def _reach_figure(reach: dict[str, Tensor]) -> go.Figure:
    figure = go.Figure()
    for number, (name, values) in enumerate(reach.items(), start=1):
        shown = values.flip(0).clamp_min(FLOOR)
        add_line(figure, range(len(values)), shown, name, series=number)
    finish(figure, "Gradient of the last output by distance", 440)
    figure.update_xaxes(title={"text": "distance from the last token"})
    figure.update_yaxes(
        title={"text": f"gradient norm (log, cut at {FLOOR:.0e})"},
        **POWERS,
    )
    return figure


def _steps_figure(lengths: Sequence[int], steps: dict[str, list[int]], params: Params) -> go.Figure:
    figure = go.Figure()
    for name, counts in steps.items():
        figure.add_scatter(
            x=list(lengths), y=counts, name=name, mode="lines+markers", hovertemplate="%{x}: %{y}"
        )
    doing = "read" if params.mode == "read" else "write"
    finish(figure, f"Operations in turn, to {doing} a text", 400)
    figure.update_xaxes(title={"text": "tokens (log scale)"}, type="log", tickvals=lengths)
    figure.update_yaxes(title={"text": "longest chain, operations (log)"}, type="log", dtick=1)
    return figure


def _table(reach: dict[str, Tensor]) -> Table:
    length = len(reach["LSTM"])
    distances = [0, *(2**power for power in range(length.bit_length() - 1)), length - 1]
    far = [values.median(dim=1).values.flip(0)[distances] for values in reach.values()]  # (N,) each
    return Table(
        columns=("distance", *(f"gradient, {name}" for name in reach)),
        rows=tuple(zip(distances, *map(shorten, far), strict=True)),
    )
