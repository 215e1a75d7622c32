"""The projections are those of nn.Linear, and of nn.MultiheadAttention with its stacked matrix."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from app.labs.illustration import Illustration
from app.labs.parts.projections import attend, cached, grouped, one_way, restack, stack, unstack
from app.labs.qkv_projection import Params, illustrate
from model.attention import Attention
from model.checkpoint import Models
from model.trace import Trace

LONG = "The red cars are not old and the small dogs do not want to see the big books in the garden."


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


def failed(illustration: Illustration) -> list[str]:
    return [check.claim for check in illustration.checks if not check.holds]


@pytest.fixture
def layer(models: Models) -> Attention:
    encoder = models.translator.network.encoder
    return encoder.layers[1].self_attention  # type: ignore[union-attr, return-value]


@pytest.fixture
def stream() -> torch.Tensor:
    return torch.randn(1, 9, 128, generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def test_a_stack_is_one_linear_map(layer: Attention, stream: torch.Tensor) -> None:
    weight, bias = stack(layer)
    linear = nn.Linear(128, 384)
    linear.weight.data, linear.bias.data = weight, bias
    parts = linear(stream).chunk(3, dim=-1)
    for part, separate in zip(parts, (layer.queries, layer.keys, layer.values), strict=True):
        torch.testing.assert_close(part, separate(stream))


@torch.inference_mode()
def test_the_layer_is_pytorchs_with_the_same_stack(layer: Attention, stream: torch.Tensor) -> None:
    theirs = nn.MultiheadAttention(128, 4, batch_first=True)
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = stack(layer)
    theirs.out_proj.load_state_dict(layer.output.state_dict())
    expected, _ = theirs(stream, stream, stream, need_weights=False)
    ours = attend(restack(layer, misread=False), stream, {})
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("key_heads", [1, 2])
@torch.inference_mode()
def test_grouped_heads_are_pytorchs(layer: Attention, stream: torch.Tensor, key_heads: int) -> None:
    fewer = grouped(layer, key_heads)
    trace: Trace = {}
    attend(fewer, stream, trace)
    parts = (
        part(stream).view(1, 9, -1, 32).transpose(1, 2)
        for part in (fewer.queries, fewer.keys, fewer.values)
    )
    expected = F.scaled_dot_product_attention(*parts, enable_gqa=True)
    torch.testing.assert_close(trace[f"{layer.name}.heads"], expected, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_a_grouped_key_head_is_the_mean_of_those_it_replaces(layer: Attention) -> None:
    rows = layer.keys.weight
    fewer = grouped(layer, 2).keys.weight
    torch.testing.assert_close(fewer[:32], (rows[:32] + rows[32:64]) / 2)
    torch.testing.assert_close(fewer[32:], (rows[64:96] + rows[96:]) / 2)
    assert torch.equal(grouped(layer, 4).keys.weight, rows)


@pytest.mark.parametrize("key_heads", [4, 2])  # with 1 both orders are the same
@torch.inference_mode()
def test_a_stack_in_the_order_of_the_heads_is_read_by_the_other_rule(
    layer: Attention, key_heads: int
) -> None:
    fewer = grouped(layer, key_heads)
    queries, keys, values = (
        part.weight.view(key_heads, -1, 32, 128)
        for part in (fewer.queries, fewer.keys, fewer.values)
    )
    by_heads = torch.cat((queries, keys, values), dim=1).flatten(0, 2)
    read = unstack(by_heads, fewer, misread=True)
    assert torch.equal(read[0], fewer.queries.weight)
    assert torch.equal(read[1], fewer.keys.weight)
    assert torch.equal(read[2], fewer.values.weight)
    assert not torch.equal(unstack(by_heads, fewer, misread=False)[1], fewer.keys.weight)


def test_a_cache_holds_a_key_and_a_value_of_four_bytes_a_number(layer: Attention) -> None:
    for key_heads in (4, 2, 1):
        assert cached(grouped(layer, key_heads), 100) == 2 * 4 * 100 * key_heads * 32


def test_one_way_is_0_for_symmetric_and_1_for_opposite_scores() -> None:
    scores = torch.tensor([[0.0, 2.0], [1.0, 0.0]])
    assert one_way(scores + scores.T) == 0
    assert one_way(scores - scores.T) == pytest.approx(1)
    assert 0 < one_way(scores) < 1


def test_the_trained_layer_is_left_as_it_was(models: Models, layer: Attention) -> None:
    before = copy.deepcopy(layer.state_dict())
    for changed in ("keys use W_Q", "stacked matrix misread"):
        run(models, layer=2, changed=changed, key_heads=1)
    assert layer.key_heads == 4
    assert all(torch.equal(before[name], part) for name, part in layer.state_dict().items())


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("head", [1, 4])
@pytest.mark.parametrize("view", ["queries", "cache"])
def test_every_claim_holds_at_the_bounds(models: Models, layer: int, head: int, view: str) -> None:
    illustration = run(models, sentence=LONG, layer=layer, head=head, view=view)
    assert failed(illustration) == []
    assert illustration.outcome == 1


@pytest.mark.parametrize(
    ("params", "broken", "outcome"),
    [
        ({"changed": "keys use W_Q"}, ["score back", "trained to"], 0),
        ({"changed": "stacked matrix misread"}, ["slice", "stacked", "trained to"], 1),
        ({"key_heads": 2}, ["trained to"], 1),
        ({"key_heads": 1}, ["trained to"], 1),
    ],
)
def test_a_change_breaks_its_claims(
    models: Models, params: dict[str, object], broken: list[str], outcome: int
) -> None:
    illustration = run(models, **params)
    claims = failed(illustration)
    assert len(claims) == len(broken)
    assert all(part in claim for part, claim in zip(broken, claims, strict=True))
    assert illustration.outcome == outcome
