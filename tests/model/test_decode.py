"""Greedy decoding and sampling choose what they should, and refuse what means nothing."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from model.config import Config
from model.decode import greedy, narrow, sample
from model.transformer import Transformer

END = 1
LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0, 1.5])


def small(**settings: Any) -> Transformer:
    """A small untrained network whose predictions differ clearly."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {"vocabulary": 20, "decoder_layers": 1, "channels": 16, "hidden": 32}
    network = Transformer(Config(**{**shape, **settings})).eval().requires_grad_(False)
    torch.nn.init.normal_(network.embedding.table.weight, std=0.5)  # type: ignore[union-attr]
    return network


def step_by_step(
    network: Transformer, prefix: Tensor, room: int, source: Tensor | None
) -> list[int]:
    """Greedy decoding as simply as can be: all over again for every token."""
    ids = prefix
    for _ in range(room):
        token = network.decode(ids, source)[:, -1].argmax(dim=-1)
        ids = torch.cat((ids, token[:, None]), dim=1)
        if int(token) == END:
            break
    chosen: list[int] = ids[0, prefix.shape[1] :].tolist()
    return chosen


@pytest.mark.parametrize("settings", [{}, {"encoder_layers": 1}])
@pytest.mark.parametrize("start", range(5))
def test_greedy_takes_the_likeliest_token_every_time(settings: dict[str, Any], start: int) -> None:
    network = small(**settings)
    prefix = torch.tensor([[start, 3]])
    source = network.encode(torch.tensor([[5, 6, 7]])) if settings else None
    (found,) = greedy(network, prefix, end=END, source=source, limit=15)
    assert found.ids == step_by_step(network, prefix, 15, source)
    assert found.complete == (END in found.ids)


def test_a_batch_decodes_as_its_rows_do() -> None:
    network = small()
    prefix = torch.tensor([[2, 3], [4, 5], [6, 7], [0, 9]])
    end = greedy(network, prefix, end=END, limit=5)[0].ids[3]  # so that the first ends early
    together = greedy(network, prefix, end=end, limit=25)
    assert len({len(found.ids) for found in together}) > 1
    for row, found in zip(prefix, together, strict=True):
        (alone,) = greedy(network, row[None], end=end, limit=25)
        assert alone.ids == found.ids
        assert alone.log_probability == pytest.approx(found.log_probability, abs=1e-4)


def test_the_log_probability_is_that_of_the_tokens() -> None:
    network = small()
    (found,) = greedy(network, torch.tensor([[2, 3]]), end=END, limit=9)
    logits = network(torch.tensor([[2, 3, *found.ids[:-1]]]))[0, 1:]
    chosen = logits.log_softmax(-1).gather(1, torch.tensor(found.ids)[:, None])
    assert found.log_probability == pytest.approx(float(chosen.sum()), abs=1e-4)


def test_sampling_at_temperature_zero_is_greedy() -> None:
    network, prefix = small(), torch.tensor([[2, 3]])
    generator = torch.Generator().manual_seed(0)
    (found,) = sample(network, prefix, end=END, generator=generator, temperature=0, limit=9)
    assert found.ids == greedy(network, prefix, end=END, limit=9)[0].ids


def test_sampling_is_the_same_for_the_same_seed() -> None:
    network, prefix = small(), torch.tensor([[2, 3]] * 4)
    runs = [
        sample(network, prefix, end=END, generator=torch.Generator().manual_seed(seed), limit=9)
        for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_draws_come_as_often_as_their_probability_says() -> None:
    network = small()
    prefix = torch.tensor([[2, 3]]).expand(8000, -1)
    generator = torch.Generator().manual_seed(0)
    drawn = sample(network, prefix, end=END, generator=generator, limit=1, top_k=4)
    counts = torch.bincount(torch.tensor([d.ids[0] for d in drawn]), minlength=20) / 8000
    expected = narrow(network(prefix[:1])[0, -1], top_k=4)
    torch.testing.assert_close(counts, expected, atol=0.02, rtol=0)


@given(st.floats(0.05, 20), st.integers(1, 5), st.floats(0.01, 1))
def test_narrowing_leaves_probabilities(temperature: float, top_k: int, top_p: float) -> None:
    chances = narrow(LOGITS, temperature=temperature, top_k=top_k, top_p=top_p)
    assert float(chances.sum()) == pytest.approx(1, abs=1e-5)
    assert 1 <= int((chances > 0).sum()) <= top_k
    assert int(chances.argmax()) == 0


def test_top_p_keeps_the_fewest_that_reach_it() -> None:
    chances = LOGITS.softmax(-1)  # of tokens 0, 4, 1, 2, 3: 0.46, 0.28, 0.17, 0.06, 0.02
    assert (narrow(LOGITS, top_p=0.4) > 0).tolist() == [True, False, False, False, False]
    assert (narrow(LOGITS, top_p=0.7) > 0).tolist() == [True, False, False, False, True]
    torch.testing.assert_close(narrow(LOGITS, top_p=1.0), chances)


def test_temperature_sharpens_and_flattens() -> None:
    torch.testing.assert_close(narrow(LOGITS), LOGITS.softmax(-1))
    assert narrow(LOGITS, temperature=0.5)[0] > narrow(LOGITS)[0] > narrow(LOGITS, temperature=2)[0]


@pytest.mark.parametrize(
    ("settings", "numbers"),
    [
        ({"temperature": -1.0}, "-1.*0"),
        ({"temperature": float("nan")}, "nan.*0"),
        ({"top_k": 0}, "0.*1 to 20"),
        ({"top_k": 21}, "21.*1 to 20"),
        ({"top_p": 0.0}, "0.0.*0"),
        ({"top_p": 1.5}, "1.5.*1"),
        ({"limit": 0}, "0.*62"),
        ({"limit": 99}, "99.*62"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: Any, numbers: str) -> None:
    with pytest.raises(ValueError, match=numbers):
        sample(small(), torch.tensor([[2, 3]]), end=END, generator=torch.Generator(), **settings)


@pytest.mark.parametrize("length", [0, 64, 70])
def test_a_prefix_that_leaves_no_room_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"{length} tokens, where 1 to 63"):
        greedy(small(), torch.zeros(1, length, dtype=torch.long), end=END)
