"""The LSTM is PyTorch's and what its paper says, the Transformer is the model's own, and both are
asked the same."""

import threading

import pytest
import torch
from torch.nn import functional as F

from app.labs.against_rnn import Params, train
from app.labs.illustration import Illustration
from app.labs.parts.recall import CHANNELS, NAMES, VALUES, Reader, count_products, write
from app.labs.parts.windows import read
from app.labs.path_length import run_lstm
from model.attention import Call
from model.checkpoint import Models
from model.config import Config, PositionKind
from model.transformer import Stack


def finish(models: Models, **params: object) -> Illustration:
    *_, last = train(Params.model_validate(params), models)
    assert last.illustration is not None
    return last.illustration


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("pairs", [1, 4, 8])
@pytest.mark.parametrize("distance", [1, 7])
def test_the_name_asked_for_has_one_value_and_it_is_the_answer(pairs: int, distance: int) -> None:
    texts = write(40, distance, pairs, generator())
    assert texts.names.shape == texts.values.shape == (40, pairs + distance)
    for names, values, wanted in zip(
        texts.names.tolist(), texts.values.tolist(), texts.wanted.tolist(), strict=True
    ):
        places = [place for place, name in enumerate(names[:-1]) if name == names[-1]]
        assert len(places) == 1
        assert len(names) - 1 - (pairs - 1) == distance  # from the last pair to the question
        assert values[places[0]] == wanted
        assert values[-1] == VALUES
        assert set(names[pairs:-1]) <= {NAMES}


def test_the_lstm_computes_what_the_equations_say() -> None:
    reader = Reader("LSTM", 2.0, 0)
    lstm = reader.lstm
    assert lstm is not None
    texts = write(3, 9, 2, generator())
    bias = lstm.bias_ih_l0 + lstm.bias_hh_l0
    assert torch.equal(bias[CHANNELS : 2 * CHANNELS], torch.full((CHANNELS,), 2.0))
    vectors = reader.names(texts.names) + reader.values(texts.values)
    weights = [lstm.weight_ih_l0.T, lstm.weight_hh_l0.T]
    states = run_lstm(vectors, *weights, bias, writes=False)
    torch.testing.assert_close(reader(texts), reader.output(states[:, -1]))


@pytest.mark.parametrize("positions", ["none", "sinusoidal", "learned", "rope", "alibi"])
def test_a_window_as_long_as_the_text_is_none_and_a_shorter_one_hides(
    positions: PositionKind,
) -> None:
    shape = Config(vocabulary=1, decoder_layers=1, channels=16, heads=2, positions=positions)
    stack = Stack(shape, "decoder")
    vectors = torch.randn(2, 10, 16, generator=generator())
    whole = stack(vectors, None, None, Call())
    torch.testing.assert_close(read(stack, vectors), whole)
    torch.testing.assert_close(read(stack, vectors, window=10), whole)
    changed = vectors.clone()
    changed[:, 6, 0] += 1
    moved = (read(stack, changed, window=3) - read(stack, vectors, window=3)).abs().amax((0, 2))
    assert [bool(move > 1e-6) for move in moved] == [False] * 6 + [True] * 3 + [False]


def test_attention_without_window_is_the_librarys() -> None:
    reader = Reader("Transformer", 0.0, 0)
    assert reader.stack is not None
    attention = reader.stack.layers[0].self_attention
    vectors = torch.randn(2, 6, CHANNELS, generator=generator())
    queries, keys, values = (
        linear(vectors).unflatten(-1, (2, -1)).transpose(1, 2)
        for linear in (attention.queries, attention.keys, attention.values)
    )
    heads = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    expected = attention.output(heads.transpose(1, 2).flatten(2))
    trace: dict[str, torch.Tensor] = {}
    layer = reader.stack.layers[0]
    layer.norms["self_attention"] = torch.nn.Identity()
    places = reader.stack.positions.embed(torch.zeros_like(vectors), torch.arange(6))
    reader.stack(vectors - places, None, None, Call(trace=trace))
    torch.testing.assert_close(trace["decoder.0.self_attention.output"], expected)


def test_multiply_adds_are_those_that_the_library_counts() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    texts = write(1, 20, 4, generator())
    reader = Reader("Transformer", 0.0, 0)
    with FlopCounterMode(display=False) as counter:
        reader(texts)
    output = CHANNELS * VALUES  # of the last token alone
    assert counter.get_total_flops() == 2 * (count_products(24)[1] + output)
    lstm = Reader("LSTM", 0.0, 0).lstm
    assert lstm is not None
    matrices = (lstm.weight_ih_l0, lstm.weight_hh_l0)
    assert count_products(24)[0] == 24 * sum(matrix.numel() for matrix in matrices)


def test_two_runs_beside_each_other_are_each_what_they_are_alone(models: Models) -> None:
    alone = [finish(models, steps=25, longest=longest).table for longest in ("16", "32")]
    beside: dict[str, object] = {}

    def run(longest: str) -> None:
        beside[longest] = finish(models, steps=25, longest=longest).table

    threads = [threading.Thread(target=run, args=(longest,)) for longest in ("16", "32")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [beside["16"], beside["32"]] == alone


def test_an_lstm_with_one_thing_to_hold_keeps_up(models: Models) -> None:
    illustration = finish(models, pairs="1", forget=3, longest="16", steps=100)
    failed = [check.claim for check in illustration.checks if not check.holds]
    assert len(failed) == 1
    assert "recalls less" in failed[0]
    assert illustration.outcome == 2
