"""Every lab: drawn at its defaults and each choice, checks true and false where they must be."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from xml.etree import ElementTree

import pytest

from app import sketch
from app.labs import LABS, PLANNED
from app.labs.illustration import Illustration, Lab
from model.checkpoint import Models
from model.tasks.lengths import SCHEMES

BOUNDS = {"minimum", "maximum"}
COLOR = re.compile(r"(?:fill|stroke):(?!none)(?:var\((--[\w-]+)\))?")
UNPLACED = re.compile("nan|inf|None")
TIMED = {"complexity", "against-rnn"}  # what is read off a clock differs from run to run


# A training run that learns in fewer steps.
QUICK: dict[str, Any] = {"steps": 60, "rate": 0.005, "warm_up": 10}


def run(lab: Lab, models: Models, **params: Any) -> Illustration:
    return lab.illustrate(lab.params.model_validate(params), models)


@cache
def at_defaults(name: str, models: Models) -> Illustration:
    return run(LABS[name], models)


def finish(lab: Lab, models: Models, **params: Any) -> Illustration:
    """The whole run, of a lab that streams to its last frame."""
    if lab.train is None:
        return run(lab, models, **params)
    *_, last = lab.train(lab.params.model_validate(params), models)
    assert last.illustration is not None
    return last.illustration


def choices() -> list[tuple[str, str, str | int]]:
    """Each lab with each choice, and each bound, of each of its controls."""
    return [
        (lab.name, name, choice)
        for lab in LABS.values()
        for name, field in lab.schema["properties"].items()
        for choice in (
            *field.get("enum", ()),
            *(field[bound] for bound in ("minimum", "maximum") if bound in field),
        )
    ]


@pytest.fixture
def untouched(models: Models) -> Iterator[None]:
    """Requests share the networks: a lab that changes one changes it for all."""
    networks = [
        models.translator.network,
        models.lm.network,
        models.mlm.network,
        models.vit.network,
        models.minilm.network,
        *(models.length(scheme).network for scheme in SCHEMES),
    ]

    def state() -> list[tuple[int, bool, bool, float]]:
        return [
            (id(weights), weights.requires_grad, network.training, float(weights.detach().sum()))
            for network in networks
            for weights in network.parameters()
        ]

    before = state()
    yield
    assert state() == before


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(("name", "control", "choice"), choices())
def test_a_lab_is_drawn_at_every_choice(
    models: Models, name: str, control: str, choice: str | int
) -> None:
    illustration = run(LABS[name], models, **{control: choice})
    assert illustration.figures or illustration.data
    assert illustration.reading.endswith(".")
    assert illustration.checks
    assert {len(row) for row in illustration.table.rows} == {len(illustration.table.columns)}


@pytest.mark.parametrize("name", LABS)
def test_every_check_holds_at_the_defaults(models: Models, name: str) -> None:
    checks = at_defaults(name, models).checks
    assert [check for check in checks if not check.holds] == []


@pytest.mark.parametrize("name", LABS)
def test_a_lab_gives_a_small_picture_of_itself(models: Models, name: str) -> None:
    figure = LABS[name].sketch(at_defaults(name, models))
    drawn = sketch.draw(figure.to_plotly_json())
    style, *paths = ElementTree.fromstring(drawn)
    assert len(drawn) < 20_000
    assert paths
    colors = {color for path in paths for color in COLOR.findall(path.get("style", ""))}
    assert all(f"{color}:#" in (style.text or "") for color in colors)
    assert not UNPLACED.search(" ".join(path.get("d", "") for path in paths))


@pytest.mark.parametrize(
    ("name", "params", "broken"),
    [
        ("against-rnn", {"longest": 16}, set()),
        ("against-rnn", {"longest": 16, "window": 4}, {"at every distance", "recalls less"}),
        ("attention", {"scale": "off"}, {"QKᵀ/√dₖ"}),
        ("attention", {"altered": "uniform"}, {"QKᵀ/√dₖ"}),
        ("attention", {"reader": "translator-decoder", "mask": "off"}, {"causal", "later one"}),
        ("attention-views", {"kept": 0}, {"Rollout orders"}),
        ("beam-search", {"width": "1"}, {"greedy search never writes"}),
        ("bert-vs-gpt", {"encoder_mask": "causal"}, {"after it as well", "alters every state"}),
        ("bert-vs-gpt", {"decoder_mask": "none"}, {"no later word", "states valid"}),
        ("bert-vs-gpt", {"share": 50}, {"several times"}),
        ("complexity", {"kernel": "fused"}, {"memory that they write"}),
        (
            "complexity",
            {"kernel": "local"},
            {"4n²d", "square of the length", "six widths", "memory that", "exact"},
        ),
        ("cross-attention", {"encoder": "off"}, {"source token above all", "depends on what"}),
        ("encoder-decoder", {"reads": "level by level"}, {"encoder's last layer"}),
        ("encoder-decoder", {"reads": "zeros"}, {"encoder's last layer", "depends on what"}),
        ("encoder-decoder", {"encode": "every step"}, {"runs once"}),
        ("feed-forward", {"altered": "mixes neighbours"}, {"itself", "value vector", "writes"}),
        ("feed-forward", {"altered": "no activation"}, {"one matrix", "value vector", "writes"}),
        ("feed-forward", {"altered": "silenced"}, {"one matrix", "value vector", "writes"}),
        ("gradient-accumulation", {"weighting": "batches"}, {"whole batch's", "counts the same"}),
        ("gradient-accumulation", {"weighting": "none", "lengths": "equal"}, {"whole batch's"}),
        ("gradient-accumulation", {"norm": "batch"}, {"whole batch's"}),
        ("long-sequences", {"reads": "window"}, {"RoPE"}),
        ("long-sequences", {"reads": "chunks"}, {"Learned", "Sinusoids", "RoPE"}),
        ("masked-lm", {"context": "left"}, {"right of the gap", "surprises less"}),
        ("masked-lm", {"instead": "itself"}, {"not in the input"}),
        ("next-token", {"mask": "none"}, {"with the cache", "multiply to"}),
        ("padding", {"mask": "off"}, {"as it does alone", "reads what", "More padding", "loss"}),
        ("padding", {"view": "packed", "mask": "off"}, {"as it does alone", "reads what"}),
        ("padding", {"view": "packed", "positions": "run on"}, {"as it does alone"}),
        ("padding", {"view": "batches", "order": "random"}, {"less than half"}),
        ("positional-encoding", {"mask": "causal"}, {"permutation-equivariant"}),
        ("positional-encoding", {"scheme": "alibi", "order": "reversed"}, {"notices"}),
        ("positional-encoding", {"scheme": "learned", "view": "distance"}, {"alone", "falls"}),
        ("layer-norm", {"norm": "rms"}, {"mean 0", "variance 1", "Adding the same"}),
        (
            "layer-norm",
            {"norm": "batch"},
            {"mean 0", "variance 1", "other sentences", "Training and inference"},
        ),
        ("layer-norm", {"gain": "trained"}, {"mean 0", "variance 1"}),
        ("layer-norm", {"place": "after"}, {"shrinks"}),
        ("path-length", {"forget": 6}, {"LSTM's gradient"}),
        ("path-length", {"window": 8}, {"Attention's gradient", "to every other"}),
        ("path-length", {"mode": "write"}, {"Attention's do not"}),
        ("residual", {"skips": "off"}, {"Where to look", "apart", "last state", "variance"}),
        (
            "residual",
            {"skips": "off", "norm": "none", "weights": 0.5},
            {"bottom", "Where to look", "apart", "last state", "variance"},
        ),
        (
            "residual",
            {"look": "trained", "skips": "off"},
            {"After every", "last state", "writes the translation"},
        ),
        ("scaled-dot-product", {"divisor": "1"}, {"near 1", "gradient", "one-hot"}),
        ("scaled-dot-product", {"divisor": "width"}, {"near 1", "one-hot"}),
        ("scaled-dot-product", {"match": 1}, {"Undivided", "near 1", "gradient", "one-hot"}),
        ("qkv-projection", {"changed": "keys use W_Q"}, {"score back", "trained to"}),
        ("qkv-projection", {"changed": "stacked matrix misread"}, {"slice", "stacked", "trained"}),
        ("qkv-projection", {"key_heads": "1"}, {"trained to"}),
        ("self-attention", {"scale": "off"}, {"QKᵀ/√dₖ"}),
        (
            "self-attention",
            {"stack": "decoder", "mask": "none"},
            {"causal mask", "later one", "earlier logit"},
        ),
        ("teacher-forcing", {"mistake": "none"}, {"falls behind"}),
        ("teacher-forcing", {"mask": "none"}, {"One pass"}),
        ("training-memory", {"precision": "16-bit alone"}, {"16 bytes", "small update"}),
        ("training-memory", {"optimiser": "SGD"}, {"16 bytes"}),
        ("training-memory", {"kernel": "fused"}, {"four times as many"}),
        ("training-run", QUICK, set()),
        ("training-run", QUICK | {"targets": "words shuffled"}, {"how often each token"}),
        ("vision-transformer", {"positions": "off"}, {"shuffled alone"}),
    ],
)
def test_the_breaking_control_breaks_its_claims_and_no_other(
    models: Models, name: str, params: dict[str, str], broken: set[str]
) -> None:
    checks = finish(LABS[name], models, **params).checks
    failed = [check.claim for check in checks if not check.holds]
    assert len(failed) == len(broken), failed
    assert all(any(part in claim for claim in failed) for part in broken)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", [lab.name for lab in LABS.values() if lab.train])
def test_a_run_that_streams_counts_its_steps_and_ends_with_the_whole(
    models: Models, name: str
) -> None:
    lab = LABS[name]
    assert lab.train is not None
    fewest = lab.schema["properties"]["steps"]["minimum"]
    frames = list(lab.train(lab.params.model_validate({"steps": fewest}), models))
    assert [frame.done for frame in frames] == list(range(fewest + 1))
    assert {frame.total for frame in frames} == {fewest}
    assert frames[0].illustration is not None
    assert frames[0].illustration.outcome is None
    last = frames[-1].illustration
    assert last is not None
    assert last.outcome is not None
    assert len(last.checks) > len(frames[0].illustration.checks)


@pytest.mark.parametrize("name", sorted(LABS.keys() - TIMED))
def test_the_same_parameters_give_the_same_run(models: Models, name: str) -> None:
    one, again = at_defaults(name, models), run(LABS[name], models)
    assert [figure.to_json() for figure in one.figures] == [
        figure.to_json() for figure in again.figures
    ]
    assert (one.data, one.table, one.reading) == (again.data, again.table, again.reading)


def test_a_lab_is_planned_or_built_and_not_both() -> None:
    assert not PLANNED & set(LABS)


@pytest.mark.parametrize("lab", LABS.values(), ids=str)
def test_every_control_says_what_it_is(lab: Lab) -> None:
    for field in lab.schema["properties"].values():
        assert field["title"]
        assert field["description"]
        assert {"enum"} <= set(field) or {"maxLength"} <= set(field) or set(field) >= BOUNDS
