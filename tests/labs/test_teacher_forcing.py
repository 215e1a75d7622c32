"""The lab's two ways of reading: PyTorch's cross-entropy along the reference, and a plain loop."""

from difflib import SequenceMatcher
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from app.labs import teacher_forcing as lab
from app.labs.illustration import Illustration
from app.labs.parts.forcing import draw, draw_wrong, score_at_once, share_in_order, write_alone
from model.checkpoint import Models


def run(models: Models, **params: Any) -> Illustration:
    return lab.illustrate(lab.Params.model_validate(params), models)


def test_the_log_probability_is_pytorchs_cross_entropy_with_its_sign_turned(models: Models) -> None:
    translator = models.translator
    batch = draw(translator, seed=1, count=16, least=5)
    read = batch.reference[:, :-1]
    log_probs = score_at_once(translator, batch, read, "causal")
    logits = translator.network.decode(read, batch.memory, real=batch.real)
    expected = F.cross_entropy(logits.transpose(1, 2), batch.right, ignore_index=0, reduction="sum")
    found = log_probs.gather(2, batch.right[..., None])[..., 0][batch.counts].sum()
    torch.testing.assert_close(-found, expected, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("place", [0, 3])
def test_what_it_writes_on_its_own_is_what_a_loop_without_a_cache_writes(
    models: Models, place: int
) -> None:
    translator = models.translator
    batch = draw(translator, seed=2, count=16, least=6)
    wrong = torch.arange(100, 116)
    written = write_alone(translator, batch, place, wrong)
    for row in (0, 7, 15):
        source, real = batch.memory[row : row + 1], batch.real[row : row + 1]
        ids = [translator.tokenizer.bos]
        while len(ids) <= batch.right.shape[1] and ids[-1] != translator.tokenizer.eos:
            logits = translator.network.decode(torch.tensor([ids]), source, real=real)
            chosen = int(logits[0, -1].argmax())
            ids.append(int(wrong[row]) if len(ids) - 1 == place else chosen)
        assert written[row, : len(ids) - 1].tolist() == ids[1:]
        assert set(written[row, len(ids) - 1 :].tolist()) <= {translator.tokenizer.pad}


@pytest.mark.parametrize("mistake", ["random", "second"])
def test_a_mistake_is_never_the_right_token(models: Models, mistake: Any) -> None:
    translator = models.translator
    batch = draw(translator, seed=3, count=96, least=6)
    log_probs = score_at_once(translator, batch, batch.reference[:, :-1], "causal")
    for seed in (1, 2, 3):
        right = batch.right[:, 3]
        wrong = draw_wrong(translator, mistake, seed, log_probs[:, 3], right)
        assert not (wrong == right).any()
        assert int(wrong.max()) < len(translator.tokenizer)


def test_order_is_counted_as_difflib_does_where_one_stretch_was_inserted(models: Models) -> None:
    batch = draw(models.translator, seed=1, count=16, least=6)
    shifted = torch.roll(batch.right, 1, dims=1)
    shifted[:, 0] = 999
    shares = share_in_order(batch, shifted, 0).tolist()
    for right, got, share in zip(batch.right.tolist(), shifted.tolist(), shares, strict=True):
        expected = [token for token in right[1:] if token]
        found = [token for token in got[1:] if token]
        blocks = SequenceMatcher(None, expected, found, autojunk=False).get_matching_blocks()
        assert share >= sum(block.size for block in blocks) / len(expected) - 1e-9
    assert min(share_in_order(batch, batch.right, 0)) == 1
    assert max(share_in_order(batch, torch.zeros_like(batch.right), 0)) == 0


def test_along_the_reference_a_mistake_on_its_own_changes_nothing(models: Models) -> None:
    tables = [run(models, mistake=mistake).table for mistake in ("random", "second", "none")]
    columns = [[row[2] for row in table.rows] for table in tables]
    assert columns[0] == columns[1] == columns[2]


@pytest.mark.parametrize("place", [1, 6])
@pytest.mark.parametrize("seed", [1, 99])
def test_a_random_mistake_costs_tokens_wherever_it_stands(
    models: Models, place: int, seed: int
) -> None:
    illustration = run(models, place=place, seed=seed)
    assert all(check.holds for check in illustration.checks)
    assert illustration.outcome in (1, 2)
    assert run(models, place=place, seed=seed, mistake="none").outcome == 0
