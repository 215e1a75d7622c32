"""The training run begins where theory says, learns, and stops where nothing is left to learn."""

import math
from collections import Counter

import pytest
import torch
from torch.nn import functional as F

from app.labs import training_run
from app.labs.illustration import UnfitInput
from app.labs.parts import scratch as parts
from app.labs.parts.scratch import Scratch, guess, shuffle
from app.labs.training_run import Params, illustrate, pace, train
from model.checkpoint import Models


def scratch(models: Models, *, shuffled: bool = False, smoothing: float = 0.0) -> Scratch:
    return Scratch(models.translator, shuffled=shuffled, smoothing=smoothing, sentence="Dogs eat.")


def test_the_loss_is_the_networks_cross_entropy_token_by_token(models: Models) -> None:
    run = scratch(models)
    source, target = run.unseen[0]
    logits = run.network(torch.tensor([source]), torch.tensor([target[:-1]]))  # (1, T, V)
    surprises = [
        -float(F.log_softmax(logits[0, place].detach(), dim=-1)[token])
        for place, token in enumerate(target[1:])
    ]
    found, wanted = run.read([run.unseen[0]])
    expected = sum(surprises) / len(surprises)
    assert float(F.cross_entropy(found, wanted).detach()) == pytest.approx(expected, rel=1e-5)


def test_frequencies_alone_give_the_entropy_of_what_was_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pairs = [([1], [0, 5, 5, 5, 2]), ([1], [0, 6, 5, 2])]
    counts = Counter([5, 5, 5, 2, 6, 5, 2])
    entropy = -sum(n / 7 * math.log(n / 7) for n in counts.values())
    assert guess(pairs, pairs, vocabulary=1000) > entropy
    monkeypatch.setattr(parts, "MORE", 0)
    assert guess(pairs, pairs, vocabulary=1000) == pytest.approx(entropy)


def test_shuffling_keeps_sources_lengths_and_how_often_each_word_comes(models: Models) -> None:
    pairs = scratch(models).pairs
    shuffled = shuffle(pairs, torch.Generator().manual_seed(0))
    assert [(s, len(t), t[0], t[-1]) for s, t in pairs] == [
        (s, len(t), t[0], t[-1]) for s, t in shuffled
    ]
    assert Counter(w for _, t in pairs for w in t) == Counter(w for _, t in shuffled for w in t)
    assert sum(a == b for (_, a), (_, b) in zip(pairs, shuffled, strict=True)) < 20


def test_no_sentence_to_measure_on_is_trained_on(models: Models) -> None:
    run = scratch(models)
    unseen = {tuple(source) for source, _ in run.unseen}
    assert len(unseen & {tuple(source) for source, _ in run.pairs}) < len(unseen) / 4


def test_label_smoothing_changes_the_step_and_not_what_is_reported(models: Models) -> None:
    plain, smooth = scratch(models), scratch(models, smoothing=0.3)
    assert plain.step(0.001) == smooth.step(0.001)
    assert plain.gradient > smooth.gradient
    assert plain.step(0.001) != smooth.step(0.001)


def test_the_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    rates = [pace(step, 100, 20) for step in range(101)]
    assert rates.index(max(rates)) in (19, 20)
    assert max(rates) == 1
    assert rates[:20] == sorted(rates[:20])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[100] == pytest.approx(0)
    assert pace(0, 100, 0) == 1


def test_the_beginning_is_the_runs_own(models: Models) -> None:
    params = Params(steps=20)
    frames = [frame for frame in train(params, models) if frame.done <= training_run.BEGIN]
    begun = illustrate(params, models)
    assert frames[0].illustration is not None
    assert begun.table.rows[0] == frames[0].illustration.table.rows[0]
    losses = next(trace for trace in begun.figures[0].data if trace.name.startswith("batch")).y
    said = [float(frame.says.removeprefix("loss ")) for frame in frames[1:]]
    assert list(losses) == pytest.approx(said, abs=0.0056)  # both are rounded
    assert begun.outcome is None


def test_a_sentence_that_cannot_be_read_is_refused(models: Models) -> None:
    with pytest.raises(UnfitInput, match="0 tokens"):
        illustrate(Params(sentence="..."), models)
