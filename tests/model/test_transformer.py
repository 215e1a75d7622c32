"""What must hold of any Transformer, whatever its weights."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.attention import Attention, Cache, Call, View
from model.config import Config, Switches
from model.positions import Positions
from model.trace import attention_names, trace_names
from model.transformer import Transformer

BOTH = {"encoder_layers": 2, "decoder_layers": 2}
DECODER = {"decoder_layers": 2}
KINDS = ["sinusoidal", "learned", "rope", "alibi", "relative", "none"]


def build(**settings: Any) -> Transformer:
    """A small network, its weights random enough that every part matters."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {"vocabulary": 23, "channels": 32, "hidden": 48, "limit": 32}
    network = Transformer(Config(**{**shape, **settings})).eval().requires_grad_(False)
    for weights in network.parameters():
        weights += 0.1 * torch.randn(weights.shape)
    return network


def tokens(rows: int, length: int, seed: int = 1) -> Tensor:
    """Random ids (B, T)."""
    return torch.randint(23, (rows, length), generator=torch.Generator().manual_seed(seed))


def attend(attention: Attention, stream: Tensor, source: Tensor | None = None, **view: Any) -> Any:
    """The output of a single attention and its trace."""
    trace: dict[str, Tensor] = {}
    seen = View(places=torch.arange(stream.shape[1]), positions=Positions(), **view)
    return attention(stream, source, seen, Call(trace=trace)), trace


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_that_of_torch(causal: bool) -> None:
    torch.manual_seed(1)
    config = Config(vocabulary=5, decoder_layers=1, channels=32)
    attention = Attention(config, "here")
    mask = torch.ones(7, 7).tril().bool() if causal else None
    with torch.no_grad():
        _, trace = attend(attention, torch.randn(2, 7, 32), mask=mask)
    parts = (trace[f"here.{name}"] for name in ("queries", "keys", "values"))
    expected = F.scaled_dot_product_attention(*parts, is_causal=causal)
    torch.testing.assert_close(trace["here.heads"], expected)


@pytest.mark.parametrize("cross", [False, True])
def test_attention_is_that_of_a_multihead_attention_with_its_weights(cross: bool) -> None:
    torch.manual_seed(2)
    attention = Attention(Config(vocabulary=5, decoder_layers=1, channels=32), "here")
    theirs = nn.MultiheadAttention(32, 4, batch_first=True)
    parts = (attention.queries, attention.keys, attention.values)
    with torch.no_grad():
        for part in (*parts, attention.output):
            part.bias.normal_()
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(attention.output.state_dict())
        stream = torch.randn(2, 6, 32)
        source = torch.randn(2, 9, 32) if cross else stream
        output, trace = attend(attention, stream, source if cross else None)
        expected, pattern = theirs(stream, source, source, average_attn_weights=False)
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(trace["here.pattern"], pattern, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("positions", KINDS)
def test_a_later_token_never_changes_an_earlier_logit(positions: str) -> None:
    network = build(**DECODER, positions=positions)
    one = tokens(1, 12)
    other = one.clone()
    other[0, 8:] = (other[0, 8:] + 1) % 23
    before, after = network(one), network(other)
    assert torch.equal(before[:, :8], after[:, :8])
    assert not torch.allclose(before[:, 8:], after[:, 8:])
    seen = network(other, switches=Switches(mask="none"))
    assert not torch.allclose(network(one, switches=Switches(mask="none"))[:, :8], seen[:, :8])


@pytest.mark.parametrize(
    "settings", [BOTH, DECODER, {"encoder_layers": 2}, {**BOTH, "key_heads": 2}]
)
def test_every_row_of_a_pattern_sums_to_one(settings: dict[str, Any]) -> None:
    network = build(**settings)
    trace: dict[str, Tensor] = {}
    network(*inputs(network), trace=trace)
    for name in attention_names(network.config):
        pattern = trace[f"{name}.pattern"]
        torch.testing.assert_close(pattern.sum(-1), torch.ones(pattern.shape[:-1]))


def inputs(network: Transformer) -> tuple[Tensor, ...]:
    """Ids that the network can read: (2, 9), and (2, 6) where it has a decoder too."""
    both = network.encoder is not None and network.decoder is not None
    return (tokens(2, 9), tokens(2, 6, seed=2)) if both else (tokens(2, 9),)


@pytest.mark.parametrize(
    "settings",
    [
        BOTH,
        DECODER,
        {"encoder_layers": 2},
        {**BOTH, "norm_first": False, "norm": "rms"},
        {**DECODER, "activation": "swiglu", "positions": "rope", "key_heads": 1},
    ],
)
def test_a_trace_holds_exactly_the_names_that_are_listed(settings: dict[str, Any]) -> None:
    network = build(**settings)
    trace: dict[str, Tensor] = {}
    logits = network(*inputs(network), trace=trace)
    assert sorted(trace) == trace_names(network.config)
    assert torch.equal(trace["logits"], logits)
    assert torch.equal(logits, network(*inputs(network)))


def test_padding_changes_nothing() -> None:
    network = build(**BOTH)
    source, target = tokens(1, 5), tokens(1, 4, seed=2)
    padded = torch.cat((source, torch.zeros(1, 3, dtype=torch.long)), dim=1)
    real = torch.tensor([[True] * 5 + [False] * 3])
    torch.testing.assert_close(network(padded, target, real=real), network(source, target))


@pytest.mark.parametrize("positions", KINDS)
@pytest.mark.parametrize("settings", [BOTH, {**DECODER, "key_heads": 2}])
def test_decoding_with_a_cache_equals_decoding_without(
    settings: dict[str, Any], positions: str
) -> None:
    network = build(**settings, positions=positions)
    target = tokens(2, 10)
    source = network.encode(tokens(2, 7)) if network.encoder else None
    whole = network.decode(target, source)
    cache = Cache()
    parts = [network.decode(part, source, cache=cache) for part in target.split([4, 1, 1, 3, 1], 1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=1e-5)
    assert cache.length == 10


@pytest.mark.parametrize("tied", [False, True])
def test_an_untrained_network_loses_about_ln_v(tied: bool) -> None:
    torch.manual_seed(0)
    network = Transformer(Config(vocabulary=500, decoder_layers=2, tied=tied)).eval()
    ids = torch.randint(500, (8, 33))
    with torch.no_grad():
        loss = F.cross_entropy(network(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert float(loss) == pytest.approx(math.log(500), abs=0.1 if tied else 0.8)


def test_tied_weights_are_one_tensor() -> None:
    network = build(**DECODER)
    assert network.output.weight is network.embedding.table.weight  # type: ignore[union-attr]
    assert build(**DECODER, tied=False).output.weight.shape == (23, 32)


def test_patches_are_read_behind_a_class_token() -> None:
    network = build(encoder_layers=2, patch=4, tied=False, vocabulary=10, limit=17)
    assert network(torch.rand(3, 16, 4)).shape == (3, 17, 10)


def test_threads_that_share_a_network_get_each_its_own_trace() -> None:
    network = build(**BOTH)
    cases = [(tokens(1, 8, seed), tokens(1, 6, seed + 100)) for seed in range(8)]

    def look(case: tuple[Tensor, Tensor]) -> Tensor:
        trace: dict[str, Tensor] = {}
        network(*case, trace=trace)
        return trace["decoder.1.cross_attention.pattern"]

    expected = [look(case) for case in cases]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(look, cases * 50))
    assert all(torch.equal(a, b) for a, b in zip(found, expected * 50, strict=True))


def traced(network: Transformer, **switches: Any) -> dict[str, Tensor]:
    """The trace of a call with these switches."""
    trace: dict[str, Tensor] = {}
    network(*inputs(network), trace=trace, switches=Switches(**switches))
    return trace


def test_without_scale_the_scores_are_root_d_times_as_large() -> None:
    network = build(**DECODER)
    name = "decoder.0.self_attention.scores"
    torch.testing.assert_close(
        traced(network, scale=False)[name], traced(network)[name] * math.sqrt(8)
    )


@pytest.mark.parametrize("positions", [kind for kind in KINDS if kind != "none"])
def test_without_positions_the_order_of_the_source_is_lost(positions: str) -> None:
    network = build(encoder_layers=2, positions=positions)
    ids, order = tokens(1, 8), torch.randperm(8, generator=torch.Generator().manual_seed(0))
    blind = Switches(positions=False)
    torch.testing.assert_close(
        network(ids[:, order], switches=blind), network(ids, switches=blind)[:, order]
    )
    assert not torch.allclose(network(ids[:, order]), network(ids)[:, order], atol=1e-3)


def test_without_residual_a_layer_passes_on_only_what_it_found() -> None:
    trace = traced(build(**DECODER), residual=False)
    found = trace["decoder.0.self_attention.output"]
    assert torch.equal(trace["decoder.0.residual.self_attention"], found)


def test_a_head_that_is_off_adds_nothing_and_the_others_stay() -> None:
    network, name = build(**BOTH), "encoder.0.self_attention"
    on, off = traced(network), traced(network, off=frozenset({(name, 2)}))
    assert not off[f"{name}.heads"][:, 2].any()
    others = [0, 1, 3]
    assert torch.equal(on[f"{name}.heads"][:, others], off[f"{name}.heads"][:, others])
    assert torch.equal(on[f"{name}.pattern"], off[f"{name}.pattern"])
    assert not torch.allclose(on["logits"], off["logits"])


def test_a_uniform_head_looks_at_all_that_it_may_see_equally() -> None:
    name = "decoder.0.self_attention"
    pattern = traced(build(**BOTH), uniform=frozenset({(name, 1)}))[f"{name}.pattern"]
    visible = torch.ones(6, 6).tril()
    expected = visible / visible.sum(-1, keepdim=True)
    torch.testing.assert_close(pattern[:, 1], expected.expand(2, 6, 6))


def test_switches_leave_the_network_as_it_was() -> None:
    network = build(**BOTH)
    before = network(*inputs(network))
    traced(
        network,
        mask="none",
        scale=False,
        positions=False,
        residual=False,
        off=frozenset({("encoder.0.self_attention", 0)}),
    )
    assert torch.equal(network(*inputs(network)), before)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (torch.zeros(1, 0, dtype=torch.long), "0 tokens, where 1 to 32"),
        (torch.zeros(1, 33, dtype=torch.long), "33 tokens, where 1 to 32"),
        (torch.tensor([[3, 23]]), "3 to 23, where the vocabulary has 0 to 22"),
        (torch.tensor([[-1, 3]]), "-1 to 3, where the vocabulary has 0 to 22"),
    ],
)
def test_what_cannot_be_read_is_refused_with_both_numbers(ids: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**DECODER)(ids)


def test_a_head_that_is_not_there_is_refused() -> None:
    off = frozenset({("encoder.9.self_attention", 0)})
    with pytest.raises(ValueError, match=r"no head 0 in encoder\.9"):
        traced(build(**BOTH), off=off)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 30, **DECODER}, "30 channels.*4 heads"),
        ({"key_heads": 3, **DECODER}, "4.*3"),
        ({}, "needs a layer"),
        ({"channels": 36, "positions": "rope", **DECODER}, "9"),
        ({"patch": 4, **DECODER}, "patches"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**settings)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("settings", [BOTH, DECODER])
def test_a_gpu_computes_what_the_cpu_computes(settings: dict[str, Any]) -> None:
    network = build(**settings)
    expected = network(*inputs(network))
    found = network.to("cuda")(*(ids.to("cuda") for ids in inputs(network)))
    torch.testing.assert_close(found.cpu(), expected, atol=1e-4, rtol=1e-4)
