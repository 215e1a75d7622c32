"""The complexity lab counts what PyTorch's flop counter counts, and computes its attention."""

from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from app.labs.complexity import Params, illustrate
from app.labs.illustration import Illustration
from app.labs.parts.block import Block, Kernel, crossover, exponents, measure
from model.checkpoint import Models

PARTS = (Block.read_one_another, Block.treat_each)


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


def failed(illustration: Illustration) -> list[str]:
    return [check.claim for check in illustration.checks if not check.holds]


@pytest.mark.parametrize("kernel", ["plain", "fused", "local"])
@pytest.mark.parametrize("part", PARTS)
@torch.inference_mode()
def test_operations_are_those_of_the_flop_counter(kernel: Kernel, part: object) -> None:
    block = Block(64, 4, 256, kernel)
    # It does not know the fused kernel of a CPU, only the products of which attention consists.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        part(block)  # type: ignore[operator]
    assert block.count(part)[0] == counter.get_total_flops()  # type: ignore[arg-type]


@pytest.mark.parametrize("kernel", ["plain", "fused"])
@torch.inference_mode()
def test_a_kernel_computes_what_pytorchs_attention_does(kernel: Kernel) -> None:
    block = Block(64, 4, 128, kernel)
    expected = F.scaled_dot_product_attention(block.queries, block.keys, block.values)
    torch.testing.assert_close(block.read_one_another(), expected)
    torch.testing.assert_close(block.read_one_another(*block.room()), expected)


@torch.inference_mode()
def test_local_attention_is_pytorchs_under_a_mask_of_blocks() -> None:
    block = Block(64, 4, 128, "local")
    places = torch.arange(128) // 32
    mask = places[:, None] == places
    whole = (vectors.flatten(2, 3) for vectors in (block.queries, block.keys, block.values))
    expected = F.scaled_dot_product_attention(*whole, attn_mask=mask)
    torch.testing.assert_close(block.read_one_another().flatten(2, 3), expected)


@torch.inference_mode()
def test_heads_cost_no_operations_but_memory() -> None:
    one, four = (Block(64, heads, 256, "plain").count(PARTS[0]) for heads in (1, 4))
    assert one[0] == four[0] == 2 * 2 * 256**2 * 64
    scores = 2 * 4 * 256**2  # and pattern: two matrices of four bytes a number
    assert four[1] - one[1] == 3 * scores


@torch.inference_mode()
def test_a_fused_kernel_never_writes_the_scores() -> None:
    (operations, written), (plain, scores) = (
        Block(64, 4, 1024, kernel).count(PARTS[0]) for kernel in ("fused", "plain")
    )
    assert operations == plain
    assert written == 4 * 1024 * 64  # the output alone
    assert scores == written + 2 * 4 * 4 * 1024**2


@torch.inference_mode()
def test_every_repeat_of_every_length_is_kept() -> None:
    measured = measure([Block(32, 1, length, "plain") for length in (32, 64)], PARTS[0])
    assert [len(times) for times in measured.times] == [5, 5]
    assert all(
        0 < min(times) <= median
        for times, median in zip(measured.times, measured.medians, strict=True)
    )


def test_exponents_and_crossing_of_known_curves() -> None:
    lengths = [64, 128, 256, 512, 1024]
    square = [(length**2 / 1e4, length**2 / 1e3) for length in lengths]
    assert exponents(lengths, square) == pytest.approx([2, 2])
    assert crossover(lengths, [n**2 for n in lengths], [384 * n for n in lengths]) == (
        pytest.approx(384)
    )
    assert crossover(lengths, lengths, [384 * n for n in lengths]) is None


@pytest.mark.parametrize("width", ["32", "128"])
@pytest.mark.parametrize("longest", ["1024", "2048"])
def test_every_claim_holds_at_the_bounds(models: Models, width: str, longest: str) -> None:
    illustration = run(models, width=width, longest=longest, heads="4")
    assert failed(illustration) == []
    assert illustration.outcome == 2


def test_a_fused_kernel_breaks_the_claim_about_memory_alone(models: Models) -> None:
    illustration = run(models, kernel="fused", counted="memory")
    assert failed(illustration) == ["The memory that they write grows as the square of the length."]
    assert illustration.outcome == 2


def test_local_blocks_break_the_square(models: Models) -> None:
    illustration = run(models, kernel="local")
    assert len(failed(illustration)) == 5
    assert illustration.outcome == 1


def test_a_text_twice_as_long_takes_four_times_the_operations(models: Models) -> None:
    columns = run(models).table.columns
    rows = [dict(zip(columns, row, strict=True)) for row in run(models).table.rows]
    for row, next_row in pairwise(rows):
        for name, factor in (("scores and sum", 4), ("linear", 2)):
            counted = f"{name}: operations"
            assert int(next_row[counted]) == factor * int(row[counted])
