"""The path-length lab's LSTM is PyTorch's, its attention PyTorch's attention, and both reach and
steps are what their papers say."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from app.labs.illustration import Illustration
from app.labs.path_length import (
    CHANNELS,
    Params,
    build_attention,
    build_lstm,
    count_steps,
    draw,
    illustrate,
    longest_chain,
    measure_reach,
    run_lstm,
)
from model.checkpoint import Models


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


def failed(illustration: Illustration) -> list[str]:
    return [check.claim for check in illustration.checks if not check.holds]


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.double)


def test_the_lstm_is_pytorchs_and_so_is_its_gradient() -> None:
    library = nn.LSTM(CHANNELS, CHANNELS, batch_first=True, dtype=torch.double)
    inward, onward = library.weight_ih_l0.T, library.weight_hh_l0.T
    bias = library.bias_ih_l0 + library.bias_hh_l0
    inputs = numbers(3, 20, CHANNELS).requires_grad_()
    found = run_lstm(inputs, inward, onward, bias, writes=False)
    expected, _ = library(inputs)
    torch.testing.assert_close(found, expected)
    for one, other in zip(
        torch.autograd.grad(found[:, -1].sum(), inputs),
        torch.autograd.grad(expected[:, -1].sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("window", [0, 1, 4])
def test_attention_is_pytorchs(window: int) -> None:
    inputs = draw(7, 12, CHANNELS)
    queries, keys, values = (
        inputs @ (draw(seed, CHANNELS, CHANNELS) / CHANNELS**0.5) for seed in (2, 3, 4)
    )
    seen = torch.ones(12, 12, dtype=torch.bool).tril()
    seen = seen.triu(1 - window) if window else seen
    expected = F.scaled_dot_product_attention(queries, keys, values, attn_mask=seen)
    torch.testing.assert_close(build_attention(window)(inputs), expected)


@pytest.mark.parametrize("build", [build_lstm, build_attention])
def test_what_is_written_is_what_reading_it_gives(build: object) -> None:
    assert callable(build)
    start = draw(7, 9, CHANNELS)
    written = build(0, True)(start)
    read = build(0, False)(torch.cat((start[:, :1], written[:, :-1]), dim=1))
    torch.testing.assert_close(written, read)


def test_a_chain_is_as_long_as_its_longest_way() -> None:
    leaf = torch.ones(2, requires_grad=True)
    long = leaf.sin().cos().exp()
    assert longest_chain(long) == 1 + 3  # the leaf counts as well
    assert longest_chain(long + leaf) == 1 + 4


def test_an_lstms_chain_grows_by_the_same_with_each_token_and_attentions_not_at_all() -> None:
    recurrent = [count_steps(build_lstm(0), n) for n in (8, 9, 16)]
    assert (recurrent[1] - recurrent[0]) * 7 == recurrent[2] - recurrent[1]
    assert len({count_steps(build_attention(0), n) for n in (4, 64, 256)}) == 1


def test_the_lstms_gradient_falls_by_about_the_same_factor_at_each_step() -> None:
    falls = measure_reach(build_lstm(0), 128).log10().mean(dim=1)  # (T,)
    assert float(falls[96] - falls[64]) == pytest.approx(float(falls[64] - falls[32]), rel=0.1)


@pytest.mark.parametrize("tokens", [16, 32, 64, 128, 256])
@pytest.mark.parametrize(
    ("params", "broken"),
    [
        ({}, set()),
        ({"forget": 6}, {"The LSTM's gradient"}),
        ({"window": 4}, {"Attention's gradient", "to every other"}),
        ({"window": 256}, set()),
        ({"mode": "write"}, {"Attention's do not"}),
    ],
)
def test_each_control_breaks_its_own_claims_at_every_length(
    models: Models, tokens: int, params: dict[str, object], broken: set[str]
) -> None:
    illustration = run(models, tokens=tokens, **params)
    claims = failed(illustration)
    assert len(claims) == len(broken), claims
    assert all(any(part in claim for claim in claims) for part in broken)
    assert illustration.outcome == (2 if params.get("window") == 4 else 0)
