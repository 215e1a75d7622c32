"""The scaled-dot-product lab's numbers are PyTorch's own attention and autograd's Jacobian."""

import math

import pytest
import torch
from torch.nn import functional as F

from app.labs.illustration import Illustration
from app.labs.scaled_dot_product import (
    WIDTHS,
    Params,
    divide_by,
    draw_scores,
    illustrate,
    jacobian_norm,
    measure,
)
from model.checkpoint import Models


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


@pytest.mark.parametrize("spread", [0.1, 1, 5])
def test_the_jacobian_is_autograds(spread: float) -> None:
    scores = spread * torch.randn(9, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    exact = torch.autograd.functional.jacobian(lambda row: row.softmax(dim=-1), scores)
    assert float(jacobian_norm(scores.softmax(dim=-1))) == pytest.approx(float(exact.norm()))


def test_the_jacobian_is_right_where_one_weight_is_all_but_one() -> None:
    rest = math.exp(-60)  # far below what 1 - rest can tell from 1
    row = torch.tensor([60.0, 0.0], dtype=torch.double).softmax(dim=-1)
    assert float(jacobian_norm(row)) == pytest.approx(2 * rest)


def test_the_roots_weights_are_those_of_pytorchs_attention() -> None:
    generator = torch.Generator().manual_seed(16)
    queries = torch.randn(8, 48, 16, generator=generator)
    keys = torch.randn(8, 12, 16, generator=generator)
    expected = F.scaled_dot_product_attention(queries, keys, torch.eye(12).expand(8, 12, 12))
    found = (draw_scores(16, 12, 0.0) / divide_by("root", 16)).softmax(dim=-1)
    # The first key of each row is drawn for that row alone; the others are these.
    without = expected[..., 1:] / expected[..., 1:].sum(dim=-1, keepdim=True)
    torch.testing.assert_close(found[..., 1:] / found[..., 1:].sum(dim=-1, keepdim=True), without)


def test_even_weights_have_all_the_entropy_and_one_hot_ones_no_gradient() -> None:
    even = measure([torch.zeros(2, 3, 8)])
    sure = measure([torch.eye(8)[:3].expand(2, 3, 8) * 1000])
    assert even.entropy.tolist() == [pytest.approx([1, 1])]
    assert sure.gradient.tolist() == [[0, 0]]


@pytest.mark.parametrize("keys", [2, 32, 256])
@pytest.mark.parametrize(
    ("divisor", "broken"),
    [
        ("root", set()),
        ("1", {"near 1", "narrow one's", "neither one-hot nor uniform"}),
        ("width", {"near 1", "neither one-hot nor uniform"}),
    ],
)
def test_only_the_root_keeps_every_width_alike(
    models: Models, keys: int, divisor: str, broken: set[str]
) -> None:
    illustration = run(models, divisor=divisor, keys=keys)
    failed = [check.claim for check in illustration.checks if not check.holds]
    assert len(failed) == len(broken), failed
    assert all(any(part in claim for claim in failed) for part in broken)
    assert illustration.outcome == (1 if divisor == "1" else 0)


@pytest.mark.parametrize("keys", [2, 32, 256])
def test_a_key_that_matches_breaks_the_argument_under_the_root_too(
    models: Models, keys: int
) -> None:
    assert not any(check.holds for check in run(models, match=1, keys=keys).checks)


def test_the_score_of_a_matching_key_grows_as_the_width() -> None:
    for width in WIDTHS[2:]:
        own = draw_scores(width, 8, 0.5)[..., 0].mean()
        assert float(own) == pytest.approx(0.5 * width, rel=0.15)


def test_the_reading_is_about_the_width_that_was_chosen(models: Models) -> None:
    one, other = run(models, width=16), run(models, width=256)
    assert one.reading.startswith("At dₖ = 16 ")
    assert other.reading.startswith("At dₖ = 256 ")
    assert one.table == other.table
