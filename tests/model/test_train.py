"""Training goes down, can be taken up where it stopped, and leaves what it should."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from model.checkpoint import load
from model.config import Config
from model.tasks import tasks
from model.tasks.digits import Digits, cut_patches, shift
from model.tasks.language import Language, read_bank, repeat
from model.tasks.lengths import SCHEMES
from model.tasks.masked import Masked, alternatives
from model.tasks.translation import Translation, held_out
from model.train import pace, run, train
from model.transformer import Transformer


class Counting:
    """A task small enough to train at once: after 2 comes 3, and so on."""

    rate = 0.01

    def __init__(self, *, steps: int = 60) -> None:
        self.steps = steps
        self.failing_at = -1

    def network(self) -> Transformer:
        torch.manual_seed(0)
        return Transformer(Config(vocabulary=9, decoder_layers=1, channels=16, dropout=0.1))

    def loss(self, network: Transformer, step: int) -> torch.Tensor:
        if step == self.failing_at:
            raise KeyboardInterrupt
        generator = torch.Generator().manual_seed(step)
        tokens = (torch.randint(9, (4, 1), generator=generator) + torch.arange(6)) % 9
        logits = network(tokens[:, :-1])
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    build: Any = None
    measure: Any = None


def test_training_taken_up_again_ends_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    task = Counting(steps=260)
    straight = task.network()
    run(task, straight, tmp_path / "straight.pt")
    task.failing_at = 255
    with pytest.raises(KeyboardInterrupt):
        run(task, task.network(), tmp_path / "stopped.pt")
    task.failing_at = -1
    resumed = task.network()
    losses, _ = run(task, resumed, tmp_path / "stopped.pt")
    assert [step for step, _ in losses] == [250, 260]
    for one, other in zip(straight.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_training_goes_down(tmp_path: Path) -> None:
    losses, _ = run(task := Counting(steps=500), task.network(), tmp_path / "x.pt")
    assert task.loss(task.network(), 0) > 1.5 > losses[-1][1]


def test_a_model_is_trained_saved_and_reported(tmp_path: Path) -> None:
    report = train("vit", folder=tmp_path, state=tmp_path / "state", device="cpu", steps=30)
    saved = json.loads((tmp_path / "vit.json").read_text())
    assert saved == json.loads(json.dumps(report))
    assert saved["figures"]["accuracy"] > 0.15
    assert saved["steps"] == 30
    assert load(tmp_path / "vit.safetensors").network.config.patch == 4
    assert not (tmp_path / "state" / "vit.pt").exists()


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError,
        match="no model gpt to train: there are translator, lm, mlm, vit, grader, length-none",
    ):
        train("gpt", folder=tmp_path)
    lengths = {f"length-{scheme}" for scheme in SCHEMES}
    assert set(tasks()) == {"translator", "lm", "mlm", "vit", "grader"} | lengths


def test_the_learning_rate_rises_then_falls() -> None:
    rates = [pace(step, 5000) for step in range(5000)]
    assert rates[299] == pytest.approx(1)
    assert rates[:300] == sorted(rates[:300])
    assert rates[300:] == sorted(rates[300:], reverse=True)
    assert rates[-1] < 0.03


@pytest.fixture(scope="module")
def translation() -> Translation:
    return Translation(examples=300)


def test_every_task_starts_near_chance(translation: Translation, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("---\ntitle: x\n---\n" + "Attention is a lookup. " * 200)
    (tmp_path / "02-self-attention.md").write_text("---\ntitle: y\n---\n" + "It looks. " * 90)
    for task in (translation, Masked(examples=300), Digits(), Language(text=tmp_path)):
        checkpoint = task.build()
        chance = torch.tensor(float(checkpoint.network.config.vocabulary)).log()
        with torch.no_grad():
            loss = task.loss(checkpoint.network.eval(), 0)
        parts = 2 if isinstance(task, Language) else 1
        assert 0.8 * parts * chance < loss < 1.5 * parts * chance


def test_french_and_spanish_never_meet_in_training(translation: Translation) -> None:
    tokenizer = translation.tokenizer
    english = {i for text in translation.texts["en"] for i in tokenizer.encode(text)}
    tags = {tokenizer.identity(tag): tag for tag in ("<en>", "<fr>", "<es>")}
    said = {name: set(translation.texts[name]) for name in translation.texts}
    seen = set()
    for step in range(16):
        for source, target in zip(*translation.draw(step, torch.device("cpu")), strict=True):
            tag = tags[int(source[0])]
            text = tokenizer.decode(source[1:].tolist())
            language = next(name for name in said if text in said[name])
            seen.add((language, tag))
            assert tokenizer.decode(target.tolist()) in said[tag.strip("<>")]
    assert seen == {("en", "<fr>"), ("en", "<es>"), ("fr", "<en>"), ("es", "<en>")}
    assert english


def test_a_step_draws_the_same_examples_whenever_it_is_drawn(translation: Translation) -> None:
    for step in (3, 11):
        one, other = (translation.draw(step, torch.device("cpu")) for _ in range(2))
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_held_out_tokens_and_lengths_never_meet_in_training() -> None:
    generator = torch.Generator().manual_seed(0)
    for length in (6, 11, 48):
        trained, tested = (
            repeat(500, length, 40, generator, held_out=held)[:, 1:] for held in (False, True)
        )
        assert not set(trained.flatten().tolist()) & set(tested.flatten().tolist())
        assert torch.equal(tested[:, :length], tested[:, length:])


def test_pages_are_read_without_their_front_matter(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\ntitle: x\n---\nProse.\n")
    assert read_bank(tmp_path) == (["Prose."], [])
    with pytest.raises(ValueError, match="0 pages"):
        read_bank(tmp_path / "nowhere")


def test_patches_go_from_left_to_right_and_from_top_to_bottom() -> None:
    picture = torch.arange(64.0).view(1, 8, 8)
    patches = cut_patches(picture) * 16
    assert patches[0, 0].tolist() == [0, 1, 8, 9]
    assert patches[0, 1].tolist() == [2, 3, 10, 11]
    assert patches[0, 4].tolist() == [16, 17, 24, 25]


def test_shifted_pictures_are_the_same_but_for_a_dot() -> None:
    picture = torch.zeros(200, 8, 8)
    picture[:, 4, 4] = 1
    places = shift(picture, torch.Generator().manual_seed(0)).nonzero()[:, 1:]
    assert len(places) == 200
    assert {tuple(place) for place in places.tolist()} == {
        (row, column) for row in (3, 4, 5) for column in (3, 4, 5)
    }


def test_alternatives_know_what_the_context_decides() -> None:
    for sentence in held_out(60):
        words = sentence.text("en").split()
        found = alternatives(sentence.meaning, words)
        for word, others in zip(words, found, strict=True):
            assert word not in others
            if word in ("is", "are"):
                assert {"was", "were"} & others
            if word in ("a", "an"):
                assert "this" in others
                assert not {"a", "an", "these"} & others
