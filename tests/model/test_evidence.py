"""What is weighed, and by which reader."""

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from model.checkpoint import Models
from model.evidence import Scales
from model.pairs import Pair

CLAIM = "A softmax turns the scores into weights."
READINGS = {  # of passages, by the first reader and by the second
    "made": ([0.8, 0.1, 0.1], [0.2, 0.2, 0.6]),
    "half": ([0.3, 0.1, 0.6], [0.5, 0.4, 0.1]),
    "doubtful": ([0.1, 0.05, 0.85], [0.7, 0.2, 0.1]),
    "clear": ([0.02, 0.02, 0.96], [0.9, 0.05, 0.05]),
}
LIKELIEST = ["made", "half", "doubtful", "clear"]  # to settle the claim, says the first reader


@dataclass
class Readers:
    """Two readers that say of a passage what is written above, and keep what they were asked."""

    asked: tuple[list[Pair], list[Pair]] = field(default_factory=lambda: ([], []))

    def weigh(self, pairs: list[Pair], reader: int = 0) -> Tensor:
        """The logarithms of READINGS."""
        self.asked[reader].extend(pairs)
        return torch.tensor([READINGS[pair.passage][reader] for pair in pairs]).log()


@pytest.fixture
def readers() -> Readers:
    """Readers that have not been asked."""
    return Readers()


@pytest.fixture
def scales(models: Models, readers: Readers) -> Scales:
    """Scales with these readers."""
    return Scales(models.minilm, readers, models.proposals)  # type: ignore[arg-type]


def ask(*passages: str) -> list[Pair]:
    """Each passage beside the claim."""
    return [Pair(CLAIM, passage) for passage in passages]


def test_what_both_have_read_is_the_mean_of_both(scales: Scales) -> None:
    [logs] = scales.consider([ask("made", "clear")], again=1)
    first, second = map(torch.tensor, READINGS["made"])
    mean = (first * second).sqrt()
    torch.testing.assert_close(logs[0].exp(), mean / mean.sum())
    torch.testing.assert_close(logs[1].exp(), torch.tensor(READINGS["clear"][0]))


@pytest.mark.parametrize("again", [1, 2, 4, None])
def test_the_second_reads_the_likeliest(
    scales: Scales, readers: Readers, again: int | None
) -> None:
    scales.consider([ask("clear", "doubtful", "made", "half")], again)
    assert [pair.passage for pair in readers.asked[1]] == LIKELIEST[:again]


def test_the_wordings_of_a_claim_are_read_beside_the_same_units(
    scales: Scales, readers: Readers
) -> None:
    wording = [
        pair._replace(claim="Weights come out of a softmax.") for pair in ask("clear", "made")
    ]
    scales.consider([ask("clear", "made"), wording], again=1)
    assert readers.asked[1] == [*ask("made"), wording[1]]
