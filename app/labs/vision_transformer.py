"""Vision Transformer: a picture is read as a sequence of patches.

A handwritten digit, never trained on or drawn by you, is cut into 16 patches; each becomes a token
by one linear map, gets the embedding of its place, and a class token gathers from all of them.
Attention cannot tell where a patch was. Shuffle the patches together with their position
embeddings, and the class stays to the last digit; shuffle the patches alone, and the model reads
another picture. Take the positions off and that second claim breaks: now the order makes no
difference at all, and the digits are lost.
"""

import copy
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Illustration, LabParams, Prediction, Table
from app.labs.parts.pictures import (
    ACROSS,
    Drawing,
    draw_classes,
    draw_patches,
    read_drawing,
    write_drawing,
)
from model.checkpoint import Models
from model.config import Switches
from model.tasks.digits import BRIGHTEST, PATCH, SIDE, cut_patches
from model.trace import Trace
from model.transformer import Patches, Transformer

COUNT = ACROSS * ACROSS
SAMPLE = 180  # pictures for the accuracies
TABLE = "encoder.positions.table.weight"
ORDERS = {"drawn": "as drawn", "shuffled": "shuffled", "moved": "shuffled with their positions"}


class Params(LabParams):
    picture: Annotated[
        int,
        Field(title="Picture", description="One of 360 that were never trained on.", ge=1, le=360),
    ] = 1
    drawing: Drawing = ""
    order: Annotated[
        Literal["drawn", "shuffled", "moved"],
        Field(
            title="Patches",
            description="Moved: every patch keeps the embedding of the place where it was.",
            json_schema_extra={"labels": ORDERS},
        ),
    ] = "drawn"
    positions: Annotated[
        Literal["on", "off"],
        Field(title="Positions", description="Off: no position embedding is added."),
    ] = "on"
    view: Annotated[
        Literal["rollout", "1", "2", "3"],
        Field(
            title="Class attention",
            description="What the class token reads in a layer, or by rollout through all three.",
        ),
    ] = "rollout"
    seed: Annotated[
        int, Field(title="Shuffle", description="The number of the shuffle.", ge=1, le=99)
    ] = 1


PREDICT = Prediction(
    "The patches are read in another order, and their positions are not moved along. What happens "
    "to the accuracy on digits never trained on?",
    ("It stays within 5 points.", "It falls, to more than half.", "It falls to less than half."),
)


@dataclass(frozen=True)
class Reader:
    """The network as the controls have it. B pictures, S patches."""

    network: Transformer
    order: Tensor  # (S,), the shuffle
    switches: Switches

    def logits(self, patches: Tensor, order: str, trace: Trace | None = None) -> Tensor:
        """The class token's logits (B, 10) for `patches` (B, S, patch), read in that `order`."""
        network = self.network
        if order == "moved":
            network = copy.deepcopy(network)  # other requests read with the one that is shared
            table = network.get_parameter(TABLE)  # (1 + S, C)
            table.copy_(torch.cat((table[:1], table[1:][self.order])))
        logits: Tensor = network(
            self.arrange(patches, order), trace=trace, switches=self.switches
        )  # (B, 1 + S, 10)
        return logits[:, 0]

    def arrange(self, patches: Tensor, order: str) -> Tensor:
        """The patches (B, S, patch) in the sequence in which they are read."""
        return patches if order == "drawn" else patches[:, self.order]


@torch.no_grad()
def illustrate(params: Params, models: Models) -> Illustration:
    details = models.vit.details
    rows = [params.picture - 1, *range(SAMPLE)]
    pictures = torch.tensor([details["pictures"][i] for i in rows]).float().view(-1, SIDE, SIDE)
    labels = torch.tensor([details["labels"][i] for i in rows])  # (B,)
    if params.drawing:
        pictures[0] = read_drawing(params.drawing).view(SIDE, SIDE)
    patches = cut_patches(pictures)  # (B, 8, 8) -> (B, S, patch)
    shuffle = torch.randperm(COUNT, generator=torch.Generator().manual_seed(params.seed))
    reader = Reader(models.vit.network, shuffle, Switches(positions=params.positions == "on"))
    logits = {order: reader.logits(patches, order) for order in ORDERS}  # (B, 10) each
    trace: Trace = {}
    reader.logits(patches[:1], params.order, trace)
    looks = class_attention(trace, params.view)  # (S,)
    read = {order: float(_right(found, labels).mean()) for order, found in logits.items()}
    chances = {order: found[0].softmax(dim=-1) for order, found in logits.items()}  # (10,) each
    return Illustration(
        figures=(
            draw_patches(reader.arrange(patches[:1], params.order)[0], looks, params.view),
            draw_classes(chances, ORDERS),
        ),
        reading=_reading(params, chances, read, looks, int(labels[0])),
        checks=(
            _keeps_the_class(logits, read),
            _order_matters(logits, read),
            _is_a_convolution(reader.network, pictures),
            _looks_afar(reader.network, patches, reader.switches),
            _grows_with_the_area(pictures),
        ),
        table=Table(
            columns=("digit", *(f"patches {name}" for name in ORDERS.values())),
            rows=tuple(
                (digit, *(round(float(chance[digit]), 4) for chance in chances.values()))
                for digit in range(10)
            ),
        ),
        outcome=_outcome(read),
        data={"drawn": write_drawing(pictures[0].flatten()), "by_reader": bool(params.drawing)},
    )


def _right(logits: Tensor, labels: Tensor) -> Tensor:
    """Which pictures of the sample are read right, (B - 1,); the first is the reader's choice."""
    return (logits.argmax(dim=-1) == labels)[1:].float()


def _outcome(read: dict[str, float]) -> int:
    if read["shuffled"] > read["drawn"] - 0.05:
        return 0
    return 1 if read["shuffled"] > read["drawn"] / 2 else 2


def class_attention(trace: Trace, view: str) -> Tensor:
    """How much the class token reads of each patch of the first picture, as shares: (S,). A layer's
    mean over heads, or the rollout through all layers, Abnar and Zuidema 2020."""
    layers = len([name for name in trace if name.endswith("pattern")])
    patterns = [trace[f"encoder.{i}.self_attention.pattern"][0].mean(dim=0) for i in range(layers)]
    if view != "rollout":
        seen = patterns[int(view) - 1]  # (1 + S, 1 + S)
    else:
        seen = torch.eye(len(patterns[0]))
        for pattern in patterns:
            seen = (pattern + torch.eye(len(pattern))) / 2 @ seen
    return seen[0, 1:] / seen[0, 1:].sum()


def _keeps_the_class(logits: dict[str, Tensor], read: dict[str, float]) -> Check:
    change = float((logits["moved"] - logits["drawn"]).abs().max())
    return Check(
        "Patches shuffled with their positions give the same class.",
        f"largest change of a logit over {SAMPLE} pictures: {change:.1e}; "
        f"accuracy {read['drawn']:.1%} and {read['moved']:.1%}",
        change < 1e-4,
    )


def _order_matters(logits: dict[str, Tensor], read: dict[str, float]) -> Check:
    change = float((logits["shuffled"] - logits["drawn"]).abs().max())
    return Check(
        "Patches shuffled alone make another picture.",
        f"largest change of a logit: {change:.1e}; accuracy {read['drawn']:.1%} as drawn, "
        f"{read['shuffled']:.1%} shuffled",
        change > 0.1,
    )


def _is_a_convolution(network: Transformer, pictures: Tensor) -> Check:
    assert isinstance(network.embedding, Patches)
    project = network.embedding.project
    kernel = project.weight.view(-1, 1, PATCH, PATCH)  # (C, patch) -> (C, 1, 2, 2)
    maps = F.conv2d(pictures[:, None] / BRIGHTEST, kernel, project.bias, stride=PATCH)
    expected = maps.flatten(2).mT  # (B, C, 4, 4) -> (B, S, C)
    difference = float((network.embedding(cut_patches(pictures))[:, 1:] - expected).abs().max())
    return Check(
        "One linear map for all patches is a convolution with stride and kernel of a patch.",
        f"largest difference from PyTorch's convolution: {difference:.1e}",
        difference < 1e-5,
    )


def _looks_afar(network: Transformer, patches: Tensor, switches: Switches) -> Check:
    trace: Trace = {}
    network(patches, trace=trace, switches=switches)
    pattern = trace["encoder.0.self_attention.pattern"][:, :, 1:, 1:]  # (B, H, S, S)
    row, column = torch.arange(COUNT) // ACROSS, torch.arange(COUNT) % ACROSS
    apart = torch.maximum((row[:, None] - row).abs(), (column[:, None] - column).abs()) > 1
    share = float((pattern * apart).sum() / pattern.sum())
    return Check(
        "Nothing is local by construction: in the first layer patches read ones that do not "
        "touch them.",
        f"{share:.0%} of a patch's attention on patches; in a 3×3 convolution it is 0 %, evenly "
        f"spread it would be {float(apart.float().mean()):.0%}",
        share > 0.1,
    )


def _grows_with_the_area(pictures: Tensor) -> Check:
    doubled = F.interpolate(pictures[:1, None], scale_factor=2)  # (1, 1, 16, 16)
    one, four = (
        F.unfold(picture, PATCH, stride=PATCH).shape[-1]
        for picture in (pictures[:1, None], doubled)
    )
    scores = (four + 1) ** 2 / (one + 1) ** 2
    return Check(
        "A picture of twice the side has four times the patches.",
        f"{one} patches of {PATCH}×{PATCH} dots, doubled {four}; the scores of a head grow "
        f"{scores:.1f}-fold",
        four == 4 * one,
    )


def _reading(
    params: Params,
    chances: dict[str, Tensor],
    read: dict[str, float],
    looks: Tensor,
    label: int,
) -> str:
    guesses = {order: int(chance.argmax()) for order, chance in chances.items()}
    most, other = int(looks.argmax()), guesses["shuffled"]
    what = "Your drawing is" if params.drawing else f"A {label},"
    return (
        f"{what} taken for {guesses['drawn']} (probability "
        f"{float(chances['drawn'].max()):.2f}); with its patches shuffled for {other} "
        f"({float(chances['shuffled'].max()):.2f}), with their positions moved along for "
        f"{guesses['moved']}. The class token reads most of the patch in row {most // ACROSS + 1}, "
        f"column {most % ACROSS + 1} ({float(looks.max()):.0%} of its attention on patches). Over "
        f"{SAMPLE} digits {read['drawn']:.0%} are read right as drawn, {read['shuffled']:.0%} "
        f"shuffled (positions {params.positions})."
    )
