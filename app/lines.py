"""`attend grade`: answers as JSON lines to verdicts as JSON lines, for a bank question or for
claims of one's own. A line that cannot be read is answered with what is wrong with it."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from app.bank import Bank
from app.grading import Claim, Grader, score
from app.practice import ANSWER_LIMIT
from app.question import Question

Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class ClaimLine(BaseModel):
    """A claim of one's own; all but its text may be left to us."""

    id: str | int
    text: Said
    says: tuple[Said, ...] = ()
    denies: tuple[Said, ...] = ()
    weight: int = Field(default=1, ge=1)
    essential: bool = False


class AnswerLine(BaseModel):
    """One line: an answer, and either the slug of a question or claims."""

    model_config = ConfigDict(extra="ignore")

    answer: str = Field(max_length=ANSWER_LIMIT)
    question: str | None = None
    claims: list[ClaimLine] | None = Field(default=None, min_length=1)
    prompt: str = ""

    @model_validator(mode="after")
    def asks_for_one_thing(self) -> Self:
        if (self.question is None) == (self.claims is None):
            raise ValueError("give either a question or claims")
        ids = [claim.id for claim in self.claims or ()]
        if repeated := next((i for i in ids if ids.count(i) > 1), None):
            raise ValueError(f"the id {repeated!r} is used twice")
        return self


def grade_lines(
    lines: Iterable[bytes], grader: Grader, load_bank: Callable[[], Bank]
) -> Iterator[str]:
    """A line of JSON for each line that is not blank; the bank is loaded if a line needs it."""
    questions: Bank | None = None
    for line in lines:
        if not line.strip():
            continue
        try:
            asked = AnswerLine.model_validate(json.loads(line))
            if asked.question is not None:
                questions = load_bank() if questions is None else questions
            found = grade(asked, grader, questions)
        except (ValueError, RecursionError) as error:  # JSON, UTF-8, pydantic, no such question
            found = {"error": say(error)}
        yield json.dumps(found, ensure_ascii=False)


def grade(asked: AnswerLine, grader: Grader, questions: Bank | None) -> dict[str, Any]:
    """The verdicts in the order of the claims, and the share of their weight that was made."""
    if asked.claims is not None:
        ids = [claim.id for claim in asked.claims]
        claims = [Claim(**claim.model_dump() | {"id": str(claim.id)}) for claim in asked.claims]
        prompt = asked.prompt
    else:
        question = questions.get(asked.question or "") if questions else None
        if question is None:
            raise ValueError(f"there is no question {asked.question!r}")
        claims = claims_of(question)
        ids = [claim.id for claim in claims]
        prompt = question.asks
    verdicts = grader.grade(asked.answer, claims, prompt)
    rows = [
        {"id": i, "verdict": v.verdict, "confidence": v.confidence, "quote": v.quote}
        for i, v in zip(ids, verdicts, strict=True)
    ]
    return {"verdicts": rows, "score": round(score(verdicts, claims), 4)}


def claims_of(question: Question) -> list[Claim]:
    """The points of a question as claims, with all the wordings that the bank knows."""
    return [
        Claim(point.id, point.text, point.says, point.denies, point.weight, point.essential)
        for point in question.points
    ]


def say(error: Exception) -> str:
    """What is wrong, in one sentence."""
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        field = ".".join(str(part) for part in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        return f"{field}: {message}" if field else message
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error}"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 text, at byte {error.start}"
    return str(error) or "too deeply nested"
