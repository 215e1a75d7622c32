"""Each kind of positions does what its paper says."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.t5.modeling_t5 import T5Attention

from model.positions import Alibi, Rotary, Sinusoidal, alibi_slopes, bucket, sinusoids


def test_sinusoids_are_those_of_the_paper() -> None:
    waves = sinusoids(torch.arange(20), 16)
    for place, i in ((0, 0), (3, 0), (7, 5), (19, 7)):
        angle = place / 10_000 ** (2 * i / 16)
        assert float(waves[place, 2 * i]) == pytest.approx(math.sin(angle), abs=1e-5)
        assert float(waves[place, 2 * i + 1]) == pytest.approx(math.cos(angle), abs=1e-5)


def test_the_product_of_two_sinusoids_depends_on_their_distance_alone() -> None:
    waves = Sinusoidal().embed(torch.zeros(1, 30, 32), torch.arange(30))[0]
    products = waves @ waves.T
    torch.testing.assert_close(products[:-5, :-5], products[5:, 5:], atol=1e-4, rtol=1e-4)


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 300))
def test_rotary_scores_depend_on_the_distance_alone(query: int, key: int, move: int) -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(2, 1, 1, 1, 16, generator=generator)
    rotary = Rotary(10_000.0)

    def score(query_at: int, key_at: int) -> float:
        turned = rotary.rotate(vectors[0], torch.tensor([query_at]))
        return float((turned * rotary.rotate(vectors[1], torch.tensor([key_at]))).sum())

    assert score(query, key) == pytest.approx(score(query + move, key + move), abs=1e-3)


def test_rotating_keeps_the_length() -> None:
    vectors = torch.randn(1, 2, 9, 16, generator=torch.Generator().manual_seed(0))
    turned = Rotary(10_000.0).rotate(vectors, torch.arange(9))
    torch.testing.assert_close(turned.norm(dim=-1), vectors.norm(dim=-1))
    torch.testing.assert_close(turned[:, :, 0], vectors[:, :, 0])


def test_alibi_slopes_are_those_of_the_paper() -> None:
    assert alibi_slopes(8) == [2**-i for i in range(1, 9)]
    assert len(alibi_slopes(12)) == 12
    bias = Alibi(8).bias(torch.arange(4), torch.arange(4))
    assert bias[0, 3].tolist() == [-1.5, -1.0, -0.5, 0.0]


@pytest.mark.parametrize("both_ways", [False, True])
def test_buckets_are_those_of_t5(both_ways: bool) -> None:
    offsets = torch.arange(-300, 301)
    expected = T5Attention._relative_position_bucket(
        offsets, bidirectional=both_ways, num_buckets=32, max_distance=128
    )
    assert torch.equal(bucket(offsets, buckets=32, far=128, both_ways=both_ways), expected)
