"""`attend grade`: a line in, a line out, whatever the line is."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from app import bank, cli
from app.grading import Claim, PointVerdict
from app.lines import AnswerLine, grade_lines

CLAIM = {"id": "a", "text": "Masks hide later tokens."}


class Ticking:
    """A grader that ticks every claim and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Sequence[Claim], str]] = []

    def grade(self, answer: str, claims: Sequence[Claim], prompt: str = "") -> list[PointVerdict]:
        self.asked.append((answer, claims, prompt))
        return [PointVerdict(c.id, "made", 0.9, answer, 0, len(answer)) for c in claims]


def run(*lines: object, questions: Path | None = None) -> tuple[list[dict[str, object]], Ticking]:
    grader = Ticking()
    sent = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]

    def load_bank() -> bank.Bank:
        assert questions is not None, "no line asked for the bank"
        return bank.load(questions, lambda name, params: None)

    return [json.loads(line) for line in grade_lines(sent, grader, load_bank)], grader  # type: ignore[arg-type]


def test_own_claims_need_no_bank_and_keep_their_ids_and_order() -> None:
    claims = [{"id": 7, "text": "one", "weight": 3}, CLAIM]
    [found], _ = run({"answer": "So.", "claims": claims, "kind": "unknown fields are let be"})
    assert [row["id"] for row in found["verdicts"]] == [7, "a"]  # type: ignore[attr-defined]
    assert set(found["verdicts"][0]) == {"id", "verdict", "confidence", "quote"}  # type: ignore[index]
    assert found["score"] == 1.0


def test_a_question_of_the_bank_brings_its_points_wordings_and_prompt(questions: Path) -> None:
    [found], grader = run({"answer": "So.", "question": "why-scale"}, questions=questions)
    answer, claims, prompt = grader.asked[0]
    assert answer == "So."
    assert [claim.id for claim in claims] == [row["id"] for row in found["verdicts"]]  # type: ignore[attr-defined]
    assert all(claim.says and claim.denies for claim in claims)
    assert prompt == "Why are the scores scaled?"


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (b"nonsense", "not JSON"),
        (b"\xff\xfe{", ""),
        (b"[1, 2]", ""),
        (b"[" * 100_000, ""),
        ({"claims": [CLAIM]}, "answer"),
        ({"answer": 3, "claims": [CLAIM]}, "answer"),
        ({"answer": "x" * 20_001, "claims": [CLAIM]}, "answer"),
        ({"answer": "x"}, "either"),
        ({"answer": "x", "claims": []}, "claims"),
        ({"answer": "x", "claims": [CLAIM, CLAIM]}, "twice"),
        ({"answer": "x", "claims": [{"id": "a"}]}, "claims.0.text"),
        ({"answer": "x", "claims": [CLAIM], "question": "why-scale"}, "either"),
        ({"answer": "x", "question": "no-such"}, "no-such"),
    ],
)
def test_a_line_at_fault_is_named_and_the_next_is_graded(
    questions: Path, line: object, part: str
) -> None:
    found, _ = run(line, {"answer": "So.", "claims": [CLAIM]}, questions=questions)
    assert list(found[0]) == ["error"]
    assert part in str(found[0]["error"])
    assert found[1]["score"] == 1.0


def test_blank_lines_are_passed_over() -> None:
    found, _ = run(b"\n", b"  \n")
    assert found == []


def test_the_command_reads_standard_input() -> None:
    line = json.dumps({"answer": "x", "claims": [CLAIM]})
    result = CliRunner().invoke(cli.app, ["grade"], input=f"{line}\nnonsense\n")
    assert result.exit_code == 0
    first, second = map(json.loads, result.output.splitlines())
    assert first["verdicts"][0]["verdict"] == "unsure"
    assert "error" in second


@pytest.mark.parametrize("blank", [{"text": " "}, {"says": [""]}, {"denies": ["\n"]}])
def test_a_blank_claim_or_wording_is_refused(blank: dict[str, object]) -> None:
    claim = {"id": "a", "text": "Heads differ."} | blank
    with pytest.raises(ValidationError, match="at least 1 character"):
        AnswerLine.model_validate({"answer": "Heads differ.", "claims": [claim]})
