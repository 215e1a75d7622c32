"""Fresh networks begin as the model's own do, by their seed alone, and Adam is PyTorch's."""

import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Adam as TheirAdam

from app.labs.parts.fresh import BETAS, TINY, Adam, build, draw
from model.config import Config
from model.transformer import Transformer

SHAPE = Config(vocabulary=50, encoder_layers=1, decoder_layers=1, channels=32, hidden=64)


def test_the_same_seed_gives_the_same_weights_whatever_others_draw() -> None:
    one = build(SHAPE, seed=1)
    torch.rand(7)
    again, other = build(SHAPE, seed=1), build(SHAPE, seed=2)
    for weight, same in zip(one.parameters(), again.parameters(), strict=True):
        assert torch.equal(weight, same)
    assert not torch.equal(one.output.weight, other.output.weight)


def test_fresh_weights_are_spread_as_the_models_own() -> None:
    ours, theirs = build(SHAPE, seed=1), Transformer(SHAPE)
    assert ours.output.weight is ours.embedding.get_parameter("table.weight")
    for (name, weight), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        mine, its = weight.detach(), other.detach()
        spread = float(its.std(correction=0))
        assert float(mine.std(correction=0)) == pytest.approx(spread, rel=0.15, abs=1e-6), name
        assert float(mine.mean()) == pytest.approx(float(its.mean()), abs=0.04), name


def test_an_lstm_begins_as_pytorchs() -> None:
    lstm = nn.LSTM(16, 16)
    draw(lstm, torch.Generator().manual_seed(1))
    weights = torch.cat([weight.detach().flatten() for weight in lstm.parameters()])
    assert float(weights.abs().max()) <= 0.25
    assert float(weights.std()) == pytest.approx(0.25 / 3**0.5, rel=0.05)


@pytest.mark.parametrize("scale", [0.01, 100.0])  # gradients below and above the norm's limit
def test_adam_takes_the_librarys_steps(scale: float) -> None:
    torch.manual_seed(0)
    ours, theirs = nn.Linear(5, 3), nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    inputs = torch.randn(8, 5)
    mine = Adam(ours.parameters())
    library = TheirAdam(theirs.parameters(), betas=BETAS, eps=TINY)
    for step in range(5):
        rate = 0.1 / (step + 1)
        length = mine.step(scale * ours(inputs).square().mean(), rate)
        library.param_groups[0]["lr"] = rate
        library.zero_grad()
        (scale * theirs(inputs).square().mean()).backward()  # type: ignore[no-untyped-call]
        expected = clip_grad_norm_(theirs.parameters(), 1.0)
        library.step()
        assert length == pytest.approx(float(expected), rel=1e-4)
        for weight, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(weight, other)
