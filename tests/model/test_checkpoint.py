"""Weights come back as they were, once, and a file that cannot be used names itself."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model.checkpoint import Checkpoint, CheckpointError, Models, choose_device, load, save
from model.config import Config
from model.tokenizer import Tokenizer
from model.transformer import Transformer

TOKENIZER = Tokenizer.train(["a small text"], size=270, tags=("<fr>",))


def small(*, tied: bool = True) -> Checkpoint:
    """An untrained network with a tokenizer."""
    torch.manual_seed(0)
    config = Config(vocabulary=len(TOKENIZER), decoder_layers=1, channels=16, tied=tied)
    return Checkpoint(Transformer(config).eval(), TOKENIZER, {"words": ["é"]})


@pytest.mark.parametrize("tied", [False, True])
def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path, tied: bool) -> None:
    before = small(tied=tied)
    save(tmp_path / "lm.safetensors", before)
    after = load(tmp_path / "lm.safetensors")
    ids = torch.tensor([[3, 4, 5]])
    assert torch.equal(after.network(ids), before.network(ids))
    assert after.network.config == before.network.config
    assert after.details == before.details
    assert after.tokenizer is not None
    assert after.tokenizer.special == TOKENIZER.special
    assert not after.network.training
    assert not any(weights.requires_grad for weights in after.network.parameters())
    assert [path.name for path in tmp_path.iterdir()] == ["lm.safetensors"]


def test_a_missing_file_names_itself_and_how_to_make_it(tmp_path: Path) -> None:
    models = Models(tmp_path)
    for ask in (lambda: models.translator, lambda: models.lm):
        with pytest.raises(
            CheckpointError, match=r"(translator|lm)\.safetensors is missing: .make"
        ):
            ask()


def damage(path: Path, how: str) -> None:
    """Spoil a good file."""
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("these are no weights")
    elif how == "foreign":
        save_file({"x": torch.zeros(1)}, path)
    else:
        config = json.dumps({"vocabulary": 5, "decoder_layers": 1})
        save_file({"x": torch.zeros(1)}, path, metadata={"config": config})


@pytest.mark.parametrize("how", ["cut", "empty", "text", "foreign", "other weights"])
def test_a_damaged_file_names_itself(tmp_path: Path, how: str) -> None:
    path = tmp_path / "vit.safetensors"
    save(path, small())
    damage(path, how)
    with pytest.raises(CheckpointError, match=r"vit\.safetensors is damaged: ."):
        assert Models(tmp_path).vit


def test_threads_that_ask_at_once_get_one_model(tmp_path: Path) -> None:
    save(tmp_path / "lm.safetensors", small())
    reads = []

    class Slow(Models):
        def read(self, name: str) -> Checkpoint:
            reads.append(name)
            time.sleep(0.05)
            return super().read(name)

    models = Slow(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: models.lm, range(32)))
    assert all(model is found[0] for model in found)
    assert reads == ["lm"]


def test_a_device_that_is_not_there_is_refused() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(ValueError, match="no device tpu here"):
        choose_device("tpu")


def test_weights_first_asked_for_without_gradients_can_have_them_later() -> None:
    models = Models()
    with torch.inference_mode():
        network = models.lm.network
    assert not any(weights.is_inference() for weights in network.parameters())
