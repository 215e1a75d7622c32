"""The vision-transformer lab's logits are those of Hugging Face's ViT with the same weights."""

import pytest
import torch
from pydantic import ValidationError
from sklearn.datasets import load_digits
from torch import Tensor
from transformers import ViTConfig, ViTForImageClassification

from app.labs.illustration import Illustration
from app.labs.parts.pictures import INKS, write_drawing
from app.labs.vision_transformer import Params, Reader, class_attention, illustrate
from model.checkpoint import Models
from model.config import Switches
from model.tasks.digits import BRIGHTEST, cut_patches
from model.trace import Trace

SHUFFLE = torch.randperm(16, generator=torch.Generator().manual_seed(1))
NAMES = {
    "self_attention.queries": "attention.q_proj",
    "self_attention.keys": "attention.k_proj",
    "self_attention.values": "attention.v_proj",
    "self_attention.output": "attention.o_proj",
    "norms.self_attention": "layernorm_before",
    "feed_forward.widen": "mlp.fc1",
    "feed_forward.narrow": "mlp.fc2",
    "norms.feed_forward": "layernorm_after",
}


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


def failed(illustration: Illustration) -> list[str]:
    return [check.claim for check in illustration.checks if not check.holds]


def pictures(models: Models, count: int = 40) -> Tensor:
    rows = torch.tensor(models.vit.details["pictures"][:count]).float()
    return rows.view(-1, 8, 8)


def vit(models: Models) -> ViTForImageClassification:
    """Hugging Face's ViT with our weights under its names."""
    ours, config = models.vit.network.state_dict(), models.vit.network.config
    theirs = ViTConfig(
        hidden_size=config.channels,
        num_hidden_layers=config.encoder_layers,
        num_attention_heads=config.heads,
        intermediate_size=config.hidden,
        layer_norm_eps=config.norm_epsilon,
        image_size=8,
        patch_size=2,
        num_channels=1,
        num_labels=10,
        attn_implementation="eager",
    )
    embeddings = "vit.embeddings"
    weights = {
        f"{embeddings}.cls_token": ours["embedding.first"].view(1, 1, -1),
        f"{embeddings}.position_embeddings": ours["encoder.positions.table.weight"][None],
        f"{embeddings}.patch_embeddings.projection.weight": ours["embedding.project.weight"].view(
            -1, 1, 2, 2
        ),
        f"{embeddings}.patch_embeddings.projection.bias": ours["embedding.project.bias"],
    }
    for kind in ("weight", "bias"):
        weights[f"vit.layernorm.{kind}"] = ours[f"encoder.norm.{kind}"]
        weights[f"classifier.{kind}"] = ours[f"output.{kind}"]
        for layer in range(config.encoder_layers):
            for name, their in NAMES.items():
                key = f"vit.layers.{layer}.{their}.{kind}"
                weights[key] = ours[f"encoder.layers.{layer}.{name}.{kind}"]
    model = ViTForImageClassification(theirs).eval()
    model.load_state_dict(weights)
    return model


@torch.inference_mode()
def test_the_logits_and_the_class_attention_are_those_of_hugging_faces_vit(models: Models) -> None:
    images = pictures(models)
    trace: Trace = {}
    reader = Reader(models.vit.network, SHUFFLE, Switches())
    found = reader.logits(cut_patches(images), "drawn", trace)
    theirs = vit(models)(images[:, None] / BRIGHTEST, output_attentions=True)
    torch.testing.assert_close(found, theirs.logits, atol=1e-4, rtol=1e-4)
    for layer, pattern in enumerate(theirs.attentions):
        expected = pattern[0, :, 0, 1:].mean(dim=0)
        expected = expected / expected.sum()
        looks = class_attention(trace, str(layer + 1))
        torch.testing.assert_close(looks, expected, atol=1e-5, rtol=1e-4)


def test_rollout_is_the_product_of_the_layers_each_averaged_with_the_identity() -> None:
    trace = {
        f"encoder.{i}.self_attention.pattern": torch.rand(1, 4, 17, 17).softmax(dim=-1)
        for i in range(3)
    }
    one, two, three = (pattern[0].mean(dim=0) / 2 + torch.eye(17) / 2 for pattern in trace.values())
    whole = (three @ two @ one)[0, 1:]
    torch.testing.assert_close(class_attention(trace, "rollout"), whole / whole.sum())


@torch.inference_mode()
def test_shuffled_patches_are_those_of_a_shuffled_picture(models: Models) -> None:
    images = pictures(models)
    tiles = images.view(-1, 4, 2, 4, 2).permute(0, 1, 3, 2, 4).reshape(-1, 16, 2, 2)[:, SHUFFLE]
    mixed = tiles.view(-1, 4, 4, 2, 2).permute(0, 1, 3, 2, 4).reshape(-1, 8, 8)
    reader = Reader(models.vit.network, SHUFFLE, Switches())
    found = reader.logits(cut_patches(images), "shuffled")
    expected = vit(models)(mixed[:, None] / BRIGHTEST).logits
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_the_pictures_are_scikit_learns(models: Models) -> None:
    known = {tuple(row): label for row, label in zip(*load_digits(return_X_y=True), strict=True)}
    for picture, label in zip(
        *(models.vit.details[k] for k in ("pictures", "labels")), strict=True
    ):
        assert known[tuple(map(float, picture))] == label


@pytest.mark.parametrize("seed", [1, 2, 99])
@pytest.mark.parametrize("order", ["drawn", "shuffled", "moved"])
def test_every_check_holds_whatever_the_order(models: Models, seed: int, order: str) -> None:
    illustration = run(models, seed=seed, order=order, picture=17 * seed % 360)
    assert failed(illustration) == []
    assert illustration.outcome == 2


def test_without_positions_the_order_makes_no_difference(models: Models) -> None:
    illustration = run(models, positions="off")
    assert failed(illustration) == ["Patches shuffled alone make another picture."]
    assert illustration.outcome == 0


def test_the_bars_are_the_tables_numbers(models: Models) -> None:
    illustration = run(models)
    bars = [list(trace.y) for trace in illustration.figures[1].data]
    assert bars == [list(column) for column in list(zip(*illustration.table.rows, strict=True))[1:]]
    assert all(sum(column) == pytest.approx(1, abs=1e-3) for column in bars)


@torch.inference_mode()
def test_a_drawing_is_read_dot_by_dot(models: Models) -> None:
    dots = torch.randint(17, (64,), generator=torch.Generator().manual_seed(1)).float()
    illustration = run(models, drawing=write_drawing(dots))
    picture = torch.tensor(illustration.figures[0].data[0].z)
    assert torch.equal(picture, dots.view(8, 8))
    logits = vit(models)(dots.view(1, 1, 8, 8) / BRIGHTEST).logits[0]
    bars = torch.tensor(illustration.figures[1].data[0].y)
    torch.testing.assert_close(bars, logits.softmax(dim=-1), atol=1e-4, rtol=0)
    assert illustration.reading.startswith("Your drawing")


def test_a_picture_written_as_a_drawing_gives_the_same_run(models: Models) -> None:
    one = run(models, picture=5)
    assert one.data is not None
    again = run(models, drawing=one.data["drawn"])
    assert again.table == one.table
    assert [len(one.data["drawn"]), one.data["by_reader"]] == [64, False]


@pytest.mark.parametrize("drawing", ["0", "0" * 63, "h" + "0" * 63, "G" + "0" * 63, "٣" * 64])
def test_what_is_no_drawing_is_refused(drawing: str) -> None:
    with pytest.raises(ValidationError, match="64 dots"):
        Params(drawing=drawing)


def test_the_lightest_and_the_darkest_drawing_are_read(models: Models) -> None:
    for ink in (INKS[0], INKS[-1]):
        assert failed(run(models, drawing=ink * 64)) == []
