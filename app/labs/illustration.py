"""What a lab is, and what it gives back: the contract between the labs and the page.

A lab is a module: its docstring's first line is the title and the rest the claim it
tests; `Params` are its controls; `illustrate(params, models)` computes the picture. Where that
takes longer than a reader waits, `train(params, models)` computes it frame by frame, and
`illustrate` the beginning alone.
"""

import inspect
import sys
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Annotated, Any, Self

from plotly.graph_objects import Figure
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from model.checkpoint import Models

PARTS = "app.labs.parts."

# A choice among words that a question file may have written as a number.
Chosen = BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)
Switch = Annotated[str, Chosen]


class LabParams(BaseModel):
    """A lab's controls: bounded, described, and the whole state of its page."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class UnfitInput(ValueError):
    """The reader's input does not fit the model; the message is for the reader."""


@dataclass(frozen=True)
class Check:
    """A claim, what was measured of it in this run, and whether it came out true."""

    claim: str
    measured: str
    holds: bool


@dataclass(frozen=True)
class Table:
    """The figure's numbers for those who would rather read than look."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | float, ...], ...]


@dataclass(frozen=True)
class Prediction:
    """What a lab asks before it shows its picture; `PREDICT` in the lab's module."""

    question: str
    choices: tuple[str, ...]  # two to four


@dataclass(frozen=True)
class Illustration:
    """One run of a lab. `reading` says what one sees, with this run's numbers in it."""

    figures: tuple[Figure, ...]
    reading: str
    checks: tuple[Check, ...]
    table: Table
    notes: tuple[str, ...] = ()  # what to know of the input before believing it
    # Which of the prediction's choices this run bore out, measured; None where none applies.
    outcome: int | None = None
    # For a lab with an interface of its own, templates/labs/_<name>.html, in place of figures.
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Frame:
    """How far a run that streams has come, and now and then the picture so far; of the last frame
    `illustration` is the whole."""

    done: int  # steps, of `total`
    total: int
    says: str  # what is to be known of this moment, in a few words
    illustration: Illustration | None = None


@dataclass(frozen=True)
class Lab:
    """A lab module, seen from outside."""

    name: str
    module: ModuleType

    @classmethod
    def of(cls, module: ModuleType) -> Self:
        return cls(module.__name__.rpartition(".")[2].replace("_", "-"), module)

    @cached_property
    def title(self) -> str:
        return inspect.getdoc(self.module).split("\n", 1)[0].removesuffix(".")  # type: ignore[union-attr]

    @cached_property
    def claim(self) -> str:
        return inspect.getdoc(self.module).split("\n", 1)[1].strip()  # type: ignore[union-attr]

    @cached_property
    def params(self) -> type[LabParams]:
        params: type[LabParams] = self.module.Params
        return params

    @cached_property
    def schema(self) -> dict[str, Any]:
        return self.params.model_json_schema()

    @property
    def prediction(self) -> Prediction | None:
        return getattr(self.module, "PREDICT", None)

    @cached_property
    def sources(self) -> dict[str, str]:
        """The lab's own file, then those of its parts, each under its name."""
        named = {getattr(value, "__module__", None) or "" for value in vars(self.module).values()}
        parts = sorted(name for name in named if name.startswith(PARTS))
        modules = [self.module, *(sys.modules[name] for name in parts)]
        return {
            f"{module.__name__.replace('.', '/')}.py": inspect.getsource(module)
            for module in modules
        }

    @property
    def illustrate(self) -> Callable[[LabParams, Models], Illustration]:
        illustrate: Callable[[LabParams, Models], Illustration] = self.module.illustrate
        return illustrate

    def sketch(self, illustration: Illustration) -> Figure:
        """The figure that stands for the lab in a list: its first, or one that it makes."""
        if make := getattr(self.module, "sketch", None):
            return make(illustration)
        return illustration.figures[0] if illustration.figures else Figure()

    @property
    def train(self) -> Callable[[LabParams, Models], Generator[Frame, None, None]] | None:
        """The whole run, frame by frame, if the lab streams."""
        return getattr(self.module, "train", None)

    def check_params(self, params: Mapping[str, Any]) -> None:
        """Raise ValueError unless the lab takes `params`."""
        try:
            self.params.model_validate(params)
        except ValidationError as error:
            fault = error.errors()[0]
            field_name = ".".join(str(part) for part in fault["loc"])
            raise ValueError(f"lab {self.name}: {field_name}: {fault['msg']}") from error
