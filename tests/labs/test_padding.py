"""Sentences together are as they are alone, which PyTorch's attention under its masks confirms."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

from app.labs import padding
from app.labs.illustration import Illustration, UnfitInput
from app.labs.parts.batching import waste
from app.labs.parts.ragged import fill_up, measure_change, pack, pad
from model.checkpoint import Models

TEXTS = ["The cat sleeps.", "The red cars are not old.", "My sister sees a small dog in the park."]
LONG = "Qxzkv wkvxz pfjqx. " * 6


def run(models: Models, **params: Any) -> Illustration:
    return padding.illustrate(padding.Params.model_validate(params), models)


def encode(models: Models) -> list[torch.Tensor]:
    return [models.translator.encode(text, "fr")[0] for text in TEXTS]


@pytest.mark.parametrize("extra", [0, 5])
def test_padded_rows_are_what_pytorch_attends_to_under_a_key_padding_mask(
    models: Models, extra: int
) -> None:
    each = encode(models)
    trace = pad(models.translator, each, masked=True, extra=extra).trace
    ids = F.pad(pad_sequence(each, batch_first=True, padding_value=-1), (0, extra), value=-1)
    for layer in (0, 1):
        part = f"encoder.{layer}.self_attention"
        expected = F.scaled_dot_product_attention(
            *(trace[f"{part}.{name}"] for name in ("queries", "keys", "values")),
            attn_mask=(ids >= 0)[:, None, None, :],
        )
        torch.testing.assert_close(trace[f"{part}.heads"], expected, atol=1e-5, rtol=1e-5)


def test_the_packed_row_is_what_pytorch_attends_to_sentence_by_sentence(models: Models) -> None:
    each = encode(models)
    trace = pack(models.translator, each, masked=True, restart=True).trace
    for layer in (0, 1):
        part = f"encoder.{layer}.self_attention"
        pieces = [
            trace[f"{part}.{name}"].split([len(ids) for ids in each], dim=2)
            for name in ("queries", "keys", "values")
        ]
        alone = [F.scaled_dot_product_attention(*parts) for parts in zip(*pieces, strict=True)]
        torch.testing.assert_close(
            trace[f"{part}.heads"], torch.cat(alone, dim=2), atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize("masked", [True, False])
def test_only_the_mask_leaves_padded_and_packed_tokens_as_they_are_alone(
    models: Models, masked: bool
) -> None:
    each = encode(models)
    alone = [models.translator.network.encode(ids[None])[0] for ids in each]
    padded = measure_change(pad(models.translator, each, masked=masked).outputs, alone)
    packed = pack(models.translator, each, masked=masked, restart=True)
    others = measure_change(packed.outputs, alone)
    assert all((float(change.max()) < 1e-4) == masked for change in [*padded[:2], *others])
    assert float(padded[2].max()) < 1e-4  # the longest has no padding


def test_filling_up_is_what_pytorch_fills_up() -> None:
    each = [torch.arange(1, n) for n in (4, 2, 7)]
    ids, real = fill_up(each, 0)
    assert torch.equal(ids, pad_sequence(each, batch_first=True))
    assert torch.equal(real, ids != 0)


def test_waste_is_counted_slot_by_slot() -> None:
    assert waste([2, 4, 3, 3], 2) == pytest.approx(2 / 14)
    assert waste([2, 3, 3, 4], 4) == pytest.approx(4 / 16)
    assert waste([5, 1, 9], 1) == 0


@pytest.mark.parametrize("view", ["padded", "packed"])
def test_the_prediction_is_measured(models: Models, view: str) -> None:
    assert run(models, view=view).outcome == 0
    assert run(models, view=view, mask="off").outcome == (1 if view == "padded" else 2)
    assert run(models, view="batches").outcome is None


def test_equally_long_sentences_have_no_padding_to_hide(models: Models) -> None:
    same = run(models, sentences="The cat sleeps. The cat sleeps.", mask="off")
    assert [check.holds for check in same.checks[:2]] == [True, True]
    assert same.outcome == 0
    assert "0% of all slots" in same.reading


@pytest.mark.parametrize("size", [2, 64])
def test_batches_by_length_hold_every_claim_at_every_size(models: Models, size: int) -> None:
    assert all(check.holds for check in run(models, view="batches", size=size).checks)
    random = run(models, view="batches", size=size, order="random").checks
    assert [check.holds for check in random] == [False, True]


@pytest.mark.parametrize("sentences", ["The cat sleeps.", "...", "a. " * 7, LONG])
def test_what_cannot_be_put_together_is_refused_with_a_reason(
    models: Models, sentences: str
) -> None:
    with pytest.raises(UnfitInput, match=r"sentences? .*\d+.*\.$"):
        run(models, sentences=sentences)
