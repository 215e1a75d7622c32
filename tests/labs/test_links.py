"""Every point that names a lab opens a run of that lab which shows this point, and not another."""

from collections import defaultdict
from functools import cache

import pytest

from app import bank
from app.bank import Bank
from app.labs import LABS, check
from app.labs.illustration import LabParams
from app.question import Point
from app.settings import ROOT
from model.checkpoint import Models

# Of one run, different checks show these points of one question.
SHOWN_TOGETHER = {
    ("feed-forward", ("expand-contract", "parameter-share")),
    ("teacher-forcing", ("parallel-positions", "maximum-likelihood")),
    ("variable-length", ("pad-to-common-length", "loss-ignores-padding")),
    ("transformers-vs-rnns", ("parallel-training", "short-path")),
    ("vision-transformer", ("linear-embedding", "tokens-quadratic-in-side")),
    ("bert-vs-gpt", ("attention-direction", "signal-density")),
    ("training-memory", ("components", "sixteen-bytes")),
}


@cache
def questions() -> Bank:
    return bank.load(ROOT / "questions", check)


def params_of(point: Point) -> tuple[str, LabParams] | None:
    """The lab and all its parameters, if it is built already."""
    if point.lab is None or point.lab.name not in LABS:
        return None
    return point.lab.name, LABS[point.lab.name].params.model_validate(point.lab.params)


def linked() -> list[tuple[str, LabParams]]:
    """Every run that a point of any deck opens, once; at the defaults others draw them."""
    points = [point for question in questions().values() for point in question.points]
    found = {link for point in points if (link := params_of(point))}
    return sorted((link for link in found if link[1] != LABS[link[0]].params()), key=str)


@pytest.mark.parametrize(("name", "params"), linked(), ids=str)
def test_the_run_that_a_point_opens_is_drawn(models: Models, name: str, params: LabParams) -> None:
    illustration = LABS[name].illustrate(params, models)
    assert illustration.figures or illustration.data
    assert illustration.checks


def test_each_point_of_a_theory_question_opens_a_run_of_its_own() -> None:
    for question in questions().select(deck="theory"):
        points = defaultdict(list)
        for point in question.points:
            if link := params_of(point):
                points[link].append(point.id)
        for link, together in points.items():
            assert len(together) == 1 or (question.slug, tuple(together)) in SHOWN_TOGETHER, link
