"""The figures that docs/models.md states hold for the weights that are shipped."""

import json
from pathlib import Path

import pytest
import torch

from model.checkpoint import WEIGHTS, Checkpoint, Models
from model.config import PositionKind
from model.corpus import Language
from model.tasks.digits import accuracy
from model.tasks.language import QUESTIONS, induction, perplexity, read_bank
from model.tasks.lengths import SCHEMES, last_losses, unseen
from model.tasks.masked import fill_gaps
from model.tasks.translation import DIRECTIONS, ZERO_SHOT, alignment_error, exact_match

MODELS = Models()
NAMES = ["translator", "lm", "mlm", "vit"]


def read(name: str) -> Checkpoint:
    """The shipped weights; once read, kept."""
    return MODELS.once(f"checkpoint of {name}", lambda: MODELS.read(name))


@pytest.mark.parametrize(("source", "target"), DIRECTIONS)
def test_the_translator_is_right_word_for_word(source: Language, target: Language) -> None:
    right, wrong = exact_match(read("translator"), source, target, count=1000)
    assert right >= 0.99, wrong[:5]


@pytest.mark.parametrize(("source", "target"), DIRECTIONS)
def test_the_best_head_of_cross_attention_aligns_words(source: Language, target: Language) -> None:
    assert min(alignment_error(read("translator"), source, target, count=100).values()) <= 0.10


@pytest.mark.parametrize(("source", "target"), ZERO_SHOT)
def test_the_zero_shot_figure_is_the_one_reported(source: Language, target: Language) -> None:
    stated = report("translator")[f"exact match {source}-{target}"]
    right, _ = exact_match(read("translator"), source, target, count=200)
    assert right == pytest.approx(stated, abs=0.05)


def test_the_language_model_repeats_what_it_saw() -> None:
    assert induction(read("lm"), count=4) >= 0.95


def test_the_language_model_has_learned_from_the_bank() -> None:
    _, unseen = read_bank(QUESTIONS)
    lm = read("lm")
    assert perplexity(lm, unseen[:2]) < lm.network.config.vocabulary / 10


def test_the_masked_model_fills_what_the_context_decides() -> None:
    figures = fill_gaps(read("mlm"), count=300)
    assert figures["decided"] >= 0.95
    assert figures["agreeing"] >= 0.95


def test_the_reader_of_digits_reads() -> None:
    assert accuracy(read("vit")) >= 0.97


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_losses_over_length_are_those_reported(scheme: PositionKind) -> None:
    checkpoint = read(f"length-{scheme}")
    tokens = unseen(checkpoint.details["words"], count=64)
    found = float(last_losses(checkpoint.network, tokens, 64).mean())
    assert found == pytest.approx(report(f"length-{scheme}")["loss at 64"], abs=0.001)


def report(name: str) -> dict[str, float]:
    """The figures beside the weights."""
    figures: dict[str, float] = json.loads((WEIGHTS / f"{name}.json").read_text())["figures"]
    return figures


def test_the_labs_weights_are_under_15_mb_and_the_graders_under_25() -> None:
    sizes = {path.stem: path.stat().st_size for path in Path(WEIGHTS).glob("*.safetensors")}
    assert sizes.pop("grader") < 25_000_000
    assert sum(sizes.values()) < 15_000_000


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_shipped_weights_give_the_same_logits_on_a_gpu() -> None:
    device = torch.device("cuda")
    for name in ("lm", "mlm"):
        checkpoint = read(name)
        ids = torch.arange(5, 40)[None]
        expected = checkpoint.network(ids)
        found = Models(device="cuda").read(name).network(ids.to(device)).cpu()
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
