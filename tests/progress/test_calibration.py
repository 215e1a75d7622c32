"""Calibration against scikit-learn's own curve and score."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from app.progress import calibration, outcome
from app.progress.calibration import STATED, reliability
from app.progress.history import History
from app.tables import Mark
from tests.progress.conftest import BAD, GOOD, HALF, ONE, TWO, Builder, marks


@pytest.mark.parametrize("seed", range(5))
def test_the_curve_and_the_score_are_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stated = np.round(rng.beta(3, 1, 300), 2)  # values on the edges of bins among them
    came_out = rng.random(300) < stated**2
    ours = reliability(list(zip(stated.tolist(), came_out.tolist(), strict=True)))
    assert ours is not None
    observed, means = calibration_curve(came_out, stated, n_bins=10, strategy="uniform")
    assert [one.observed for one in ours.bins] == pytest.approx(observed.tolist())
    assert [one.stated for one in ours.bins] == pytest.approx(means.tolist())
    assert ours.brier == pytest.approx(brier_score_loss(came_out, stated))
    assert sum(one.count for one in ours.bins) == ours.count == 300


def test_the_simulated_candidates_score_is_scikit_learns(simulated: History) -> None:
    found = calibration.measure(simulated)
    settled = [one for one in simulated.answers if one.verdicts.held is not None]
    stated = [STATED[str(one.confidence)] for one in settled]
    assert found.candidate is not None
    assert found.candidate.brier == pytest.approx(
        brier_score_loss([one.verdicts.held for one in settled], stated)
    )
    assert found.candidate.count + found.open == len(simulated.answers)
    assert len(found.candidate.bins) <= 3
    assert found.grader is not None
    assert found.reviewed is not None
    assert calibration.share_right(found.reviewed) < calibration.share_right(found.grader)


def test_no_forecast_is_no_curve(builder: Builder) -> None:
    found = calibration.measure(builder.answer(ONE, 1, GOOD).history())
    assert (found.candidate, found.grader, found.blind_spots) == (None, None, [])
    assert calibration.said(found) == ""


@pytest.mark.parametrize(
    ("final", "held"),
    [
        (GOOD, True),
        (HALF, True),  # the one essential point was made
        (BAD, False),
        (marks("12", contradicted="3"), False),
        (marks("2345"), None),  # nobody has marked the essential point
        ({"point-1": "unsure"}, None),
        ({"point-1": "unsure", "point-2": "contradicted"}, False),
    ],
)
def test_an_answer_holds_with_every_essential_point_and_nothing_contradicted(
    builder: Builder, final: dict[str, Mark], held: bool | None
) -> None:
    assert outcome.held(outcome.rubric(builder.bank[ONE]), final) is held


def test_what_is_open_is_left_out_and_counted(builder: Builder) -> None:
    builder.answer(ONE, 2, GOOD, confidence="sure").answer(ONE, 1, {}, confidence="sure")
    found = calibration.measure(builder.history())
    assert found.candidate is not None
    assert (found.candidate.count, found.open) == (1, 1)
    assert found.candidate.brier == pytest.approx((1 - STATED["sure"]) ** 2)


def test_a_blind_spot_is_a_question_last_answered_sure_and_wrong(builder: Builder) -> None:
    builder.answer(ONE, 3, GOOD, confidence="sure")
    builder.answer(ONE, 2, marks("2", missing="1", contradicted="3"), confidence="sure")
    builder.answer(TWO, 2, BAD, confidence="fairly")
    [spot] = calibration.measure(builder.history()).blind_spots
    assert spot.question.slug == ONE
    assert [point.id for point in spot.missing] == ["point-1"]
    assert [point.id for point in spot.contradicted] == ["point-3"]
    builder.answer(ONE, 1, GOOD, confidence="sure")
    assert calibration.measure(builder.history()).blind_spots == []
