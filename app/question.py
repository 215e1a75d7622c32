"""A question: what its file may hold, and what makes it whole."""

from collections.abc import Iterable, Mapping
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Deck = Literal["theory", "quickfire", "scenarios", "followups", "talks", "own"]
Difficulty = Literal["easy", "medium", "hard"]
Topic = Literal[
    "architecture",
    "attention",
    "positions",
    "tokenization",
    "training",
    "decoding",
    "models",
    "adaptation",
    "efficiency",
    "scaling",
    "deployment",
    "interpretability",
    "evaluation",
]

DECKS: tuple[Deck, ...] = get_args(Deck)
TOPICS: tuple[Topic, ...] = get_args(Topic)
DIFFICULTIES: tuple[Difficulty, ...] = get_args(Difficulty)

# The headings that a question of each deck must have, in this order.
SECTIONS: Mapping[Deck, tuple[str, ...]] = {
    "theory": (
        "In thirty seconds",
        "In depth",
        "In code",
        "Where candidates slip",
        "What a senior adds",
    ),
    "quickfire": ("In thirty seconds", "In depth", "Where candidates slip"),
    "scenarios": (
        "In thirty seconds",
        "In depth",
        "Where candidates slip",
        "What a senior adds",
    ),
    "followups": (
        "In thirty seconds",
        "In depth",
        "Where candidates slip",
        "What a senior adds",
    ),
    "talks": ("In thirty seconds", "Delivery", "Where candidates slip"),
    "own": ("In thirty seconds",),
}
# What a question of one's own may have besides.
MORE_SECTIONS: Mapping[Deck, tuple[str, ...]] = {"own": SECTIONS["theory"]}


class Frozen(BaseModel):
    """What a question file may hold: nothing but the named fields, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class LabLink(Frozen):
    """Where to see a point be true: a lab and the parameters that show it."""

    name: str
    params: dict[str, str | int | float | bool] = {}


class Point(Frozen):
    """One atomic claim of the rubric, with wordings that make it and that deny it."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)
    text: str = Field(min_length=10, max_length=240)
    essential: bool = False
    weight: int = Field(default=1, ge=1, le=3)
    says: tuple[str, ...] = Field(min_length=5)
    denies: tuple[str, ...] = Field(min_length=3)
    hint: str = Field(min_length=10)
    lab: LabLink | None = None


class Part(Frozen):
    """A section of a timed talk: how long, what to say, which points it should make."""

    title: str
    minutes: float = Field(gt=0, le=30)
    say: str = Field(min_length=40)
    points: tuple[str, ...] = Field(min_length=1)


class Source(Frozen):
    """A paper or page that the answer rests on."""

    title: str
    authors: str
    year: int = Field(ge=1900, le=2100)
    url: str = Field(pattern=r"^https://")


class Question(Frozen):
    """One question with its rubric and its explained answer."""

    slug: str
    deck: Deck
    number: int
    title: str = Field(min_length=5)
    prompt: str = ""
    topic: Topic
    difficulty: Difficulty
    minutes: int = Field(ge=1, le=60)
    labs: tuple[str, ...] = ()
    points: tuple[Point, ...] = Field(min_length=5, max_length=8)
    parts: tuple[Part, ...] = ()
    follow_ups: tuple[str, ...] = ()
    deeper: str | None = None
    sources: tuple[Source, ...] = ()
    sections: dict[str, str]

    @property
    def asks(self) -> str:
        """The wording that the candidate answers; the title, unless a longer prompt is given."""
        return self.prompt or self.title

    def point(self, point_id: str) -> Point | None:
        return next((point for point in self.points if point.id == point_id), None)

    @model_validator(mode="after")
    def is_whole(self) -> Self:
        if not any(point.essential for point in self.points):
            raise ValueError("points: at least one must be essential")
        if repeated := _repeated(point.id for point in self.points):
            raise ValueError(f"points: the id {repeated!r} is used twice")
        self._check_parts()
        if self.deck == "quickfire" and not self.deeper:
            raise ValueError("deeper: a quick-fire question names the theory that goes deeper")
        for field in ("labs", "sources"):
            if self.deck != "own" and not getattr(self, field):
                raise ValueError(f"{field}: at least one, but in a deck of one's own")
        self._check_sections()
        return self

    def _check_sections(self) -> None:
        expected, found = SECTIONS[self.deck], tuple(self.sections)
        allowed = MORE_SECTIONS.get(self.deck, expected)
        in_order = tuple(name for name in allowed if name in found)
        if found != in_order or not set(expected) <= set(found):
            more = f", and may have {', '.join(allowed)}" if allowed != expected else ""
            raise ValueError(
                f"sections: expected the headings {', '.join(expected)} in this order{more}, "
                f"found {', '.join(found) or 'none'}"
            )
        if empty := next((name for name, text in self.sections.items() if not text), None):
            raise ValueError(f"sections: {empty!r} is empty")

    def _check_parts(self) -> None:
        if bool(self.parts) != (self.deck == "talks"):
            raise ValueError("parts: a talk has them, nothing else does")
        if not self.parts:
            return
        named = [point for part in self.parts for point in part.points]
        if set(named) != {point.id for point in self.points} or len(named) != len(set(named)):
            raise ValueError("parts: each point of the rubric belongs to exactly one part")
        if (total := sum(part.minutes for part in self.parts)) != self.minutes:
            raise ValueError(f"minutes: {self.minutes}, but the parts take {total:g}")


def _repeated(values: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
