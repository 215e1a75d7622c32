"""A question's file: its name, its front matter, its headings; and on which line a fault lies."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from app.question import Deck, Question

# The same safe loader, in C where PyYAML was built with it: ten times as fast.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FILE_NAME = re.compile(r"(?P<number>\d{2})-(?P<slug>[a-z0-9]+(?:-[a-z0-9]+)*)\.md")
FRONT_MATTER = re.compile(r"---\n(?P<matter>.*?)\n---\n(?P<body>.*)", re.DOTALL)
FENCE_OR_HEADING = re.compile(r"^(?P<fence>`{3,}|~{3,})|^## (?P<heading>.+)$", re.MULTILINE)
DEEPEST = 20  # levels of lists in lists: PyYAML's loader recurses in C, where too many end Python

Place = tuple[str | int, ...]


class Fault(NamedTuple):
    """What is wrong with a file, and in which field of it."""

    place: Place
    says: str
    line: int | None = None

    def __str__(self) -> str:
        field = ".".join(str(part) for part in self.place)
        where = f" (line {self.line})" if self.line else ""
        return f"{field}: {self.says}{where}" if field else f"{self.says}{where}"


class FileFault(ValueError):
    """A file that is no question; `faults` are all that were found."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults


def parse(file_name: str, data: bytes, deck: Deck) -> Question:
    """The question in a file called `file_name`. Raises FileFault."""
    name = FILE_NAME.fullmatch(file_name)
    if name is None:
        raise FileFault(Fault((), "a question file is named <nn>-<slug>.md, such as 05-scale.md"))
    text = decode(data)
    parts = FRONT_MATTER.fullmatch(text)
    if parts is None:
        raise FileFault(Fault((), "must begin with front matter between two lines of ---", 1))
    matter = _front_matter(parts["matter"])
    derived = {"slug": name["slug"], "deck": deck, "number": int(name["number"])}
    if clash := next((field for field in (*derived, "sections") if field in matter), None):
        fault = Fault((clash,), "comes from the file itself, remove it")
        raise FileFault(located(fault, text))
    try:
        sections = _sections(parts["body"])
        return Question.model_validate(matter | derived | {"sections": sections})
    except ValidationError as error:
        raise FileFault(*(located(fault, text) for fault in _faults(error))) from error
    except ValueError as error:
        raise FileFault(located(_of_message(str(error)), text)) from error


def decode(data: bytes) -> str:
    """The text of a file, its line ends and byte order mark as ours. Raises FileFault."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileFault(Fault((), f"not UTF-8 text, at byte {error.start}", line)) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def located(fault: Fault, text: str) -> Fault:
    """`fault` with the line of `text` that it is about, as nearly as can be said."""
    if fault.place[:1] == ("sections",):
        heading = fault.place[1] if len(fault.place) > 1 else None
        return fault._replace(line=_line_of_heading(text, heading, fault.says))
    parts = FRONT_MATTER.fullmatch(text)
    node = yaml.compose(parts["matter"], Loader=Loader) if parts else None
    return fault._replace(line=_line_of_node(node, fault.place))


def _front_matter(matter: str) -> dict[str, Any]:
    try:
        if fault := _too_deep(matter):
            raise FileFault(fault)
        fields = yaml.load(matter, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        says = f"front matter is not YAML: {error.problem or error.context}"
        raise FileFault(Fault((), says, _line_of_mark(mark))) from error
    except FileFault:
        raise
    except (yaml.YAMLError, ValueError) as error:  # a date of no calendar is a ValueError
        raise FileFault(Fault((), f"front matter is not YAML: {error}")) from error
    if not isinstance(fields, dict):
        raise FileFault(Fault((), "front matter must be fields with values", 2))
    return fields


def _too_deep(matter: str) -> Fault | None:
    """What would exhaust the loader: lists too deep, or rows that repeat other rows."""
    depth = 0
    for event in yaml.parse(matter, Loader=Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            says = f"front matter is nested deeper than {DEEPEST} levels"
            return Fault((), says, _line_of_mark(event.start_mark))
        if isinstance(event, yaml.AliasEvent):
            says = "front matter has an alias (*): write it out"
            return Fault((), says, _line_of_mark(event.start_mark))
    return None


def _line_of_mark(mark: Any) -> int | None:
    return mark.line + 2 if mark else None


def _faults(error: ValidationError) -> Iterator[Fault]:
    errors = error.errors(include_url=False, include_input=False)
    for found in errors:
        size = len(found["loc"])
        # A list left too short by what is wrong in it: one fault, not two.
        if any(
            size < len(other["loc"]) and other["loc"][:size] == found["loc"] for other in errors
        ):
            continue
        says = found["msg"].removeprefix("Value error, ")
        yield Fault(found["loc"], says) if found["loc"] else _of_message(says)


def _of_message(message: str) -> Fault:
    """A fault from `field: what is wrong`, as the whole question's check says it."""
    field, _, says = message.partition(": ")
    return Fault((field,), says)


def _line_of_node(node: Any, place: Place) -> int | None:
    """The line of a field in the front matter; of what would hold it, where it is missing."""
    line = None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == part]
            if not found:
                break
            line, node = found[0][0].start_mark.line, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                break
            node = node.value[part]
            line = node.start_mark.line
        else:
            break
    return 2 if line is None else line + 2


def _line_of_heading(text: str, heading: str | int | None, says: str) -> int | None:
    """The line of a heading, or of the formula under it that is quoted in what is wrong."""
    lines = text.split("\n")
    named = [heading] if heading else re.findall(r"'([^']+)'", says)
    begins = next(
        (
            number
            for number, line in enumerate(lines, 1)
            if line[3:].strip() in named and line.startswith("## ")
        ),
        None,
    )
    if begins and (quoted := re.search(r"cannot typeset '(.{1,30})", says)):
        beginning = quoted[1].split("\\n")[0].strip("'").replace("\\\\", "\\")
        for number, line in enumerate(lines[begins:], begins + 1):
            if beginning and beginning in line:
                return number
    if begins is None:  # the body begins after the second line of dashes
        begins = next((n for n, line in enumerate(lines[1:], 2) if line == "---"), None)
    return begins


def _sections(body: str) -> dict[str, str]:
    """Split a body at its level-two headings, leaving those inside code fences alone."""
    sections: dict[str, str] = {}
    fence = ""
    start, heading = 0, ""
    for match in FENCE_OR_HEADING.finditer(body):
        if mark := match["fence"]:
            if not fence:
                fence = mark
            elif mark.startswith(fence):
                fence = ""
        elif not fence:
            if heading:
                sections[heading] = body[start : match.start()].strip()
            elif body[: match.start()].strip():
                raise ValueError("sections: text stands before the first ## heading")
            heading = match["heading"].strip()
            if heading in sections:
                raise ValueError(f"sections: the heading {heading!r} stands twice")
            start = match.end()
    if heading:
        sections[heading] = body[start:].strip()
    elif body.strip():
        raise ValueError("sections: the body has no ## heading")
    return sections
