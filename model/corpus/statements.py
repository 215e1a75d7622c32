"""What the grader learns from: sentences as candidates say them, with the claims that each makes or
denies. Of the bank: its own wordings, more of these (points/), and answers written for training
(answers/). Outside it: claims (claims/), and questions with their claims and answers (interviews/).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
QUESTIONS = Path("questions")
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Statement:
    """A sentence and what stood before it; `makes` and `denies` name topic's points."""

    text: str
    before: str = ""
    makes: frozenset[str] = frozenset()
    denies: frozenset[str] = frozenset()


@dataclass
class Subject:
    """One claim, with wordings of it and against it."""

    id: str
    text: str
    says: tuple[str, ...] = ()
    denies: tuple[str, ...] = ()
    neither: tuple[str, ...] = ()


@dataclass
class Topic:
    """Claims that belong together, and passages in which they are made or denied."""

    name: str
    asks: str
    subjects: list[Subject]
    passages: list[list[Statement]] = field(default_factory=list)


def read_topics(questions: Path = QUESTIONS, corpus: Path = HERE) -> list[Topic]:
    """Every question of the bank, every file of claims, of the bank's points once more, and every
    interview, each in the order of their names. ValueError if there is no question, or two topics
    have one name."""
    topics = [read_question(path, corpus / "answers") for path in sorted(questions.rglob("*.md"))]
    if not topics:
        raise ValueError(f"0 questions in {questions}, where at least 1 is needed")
    topics += [read_claims(path) for path in sorted((corpus / "claims").glob("*.txt"))]
    for path in sorted((corpus / "points").glob("*.txt")):
        topics.append(replace(read_claims(path), name=f"points of {path.stem}"))
    topics += [read_interview(path) for path in sorted((corpus / "interviews").glob("*.yaml"))]
    names = [topic.name for topic in topics]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two topics are called {twice[0]}: rename a file of one")
    return topics


def read_question(path: Path, answers: Path) -> Topic:
    """A question's points with their wordings, and the answers written to it, if any."""
    matter = parse(path.read_text(encoding="utf-8").split("\n---\n", 1)[0])
    name = re.sub(r"^\d+-", "", path.stem)
    subjects = [
        Subject(point["id"], point["text"], tuple(point["says"]), tuple(point["denies"]))
        for point in matter["points"]
    ]
    topic = Topic(name, matter.get("prompt") or matter["title"], subjects)
    written = answers / f"{name}.yaml"
    if written.is_file():
        topic.passages = [
            list(read_passage(passage["sentences"]))
            for passage in parse(written.read_text(encoding="utf-8"))
        ]
    return topic


def read_passage(sentences: Sequence[dict[str, Any]]) -> Iterator[Statement]:
    """The sentences of one passage, each knowing the one before."""
    before = ""
    for sentence in sentences:
        makes, denies = sentence.get("makes") or (), sentence.get("denies") or ()
        yield Statement(sentence["say"], before, frozenset(makes), frozenset(denies))
        before = sentence["say"]


def read_interview(path: Path) -> Topic:
    """A question outside the bank, its claims and the answers to it."""
    matter = parse(path.read_text(encoding="utf-8"))
    subjects = [Subject(name, text) for name, text in matter["claims"].items()]
    passages = [list(read_passage(passage["sentences"])) for passage in matter["passages"]]
    return Topic(path.stem, matter["asks"], subjects, passages)


def read_claims(path: Path) -> Topic:
    """Claims outside the bank, with an empty line between them. ValueError names a file with a line
    that read_claim does not know."""
    entries = path.read_text(encoding="utf-8").strip().split("\n\n")
    try:
        subjects = [read_claim(number, entry) for number, entry in enumerate(entries)]
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    return Topic(path.stem, path.stem.replace("-", " "), subjects)


def read_claim(number: int, entry: str) -> Subject:
    """A claim after "= "; after "+ " what makes it, after "- " what denies it, after ". " what does
    neither."""
    lines: dict[str, list[str]] = {"=": [], "+": [], "-": [], ".": []}
    for line in entry.splitlines():
        kind, _, text = line.partition(" ")
        if kind not in lines:
            raise ValueError(f"a line begins with none of = + - . and a space: {line[:40]!r}")
        lines[kind].append(text)
    [claim] = lines["="]
    says, denies, neither = (tuple(lines[kind]) for kind in "+-.")
    return Subject(f"claim-{number}", claim, says, denies, neither)


def parse(text: str) -> Any:
    """YAML as plain data."""
    return yaml.load(text, Loader=Loader)


def read_folds(path: Path = HERE / "folds.yaml") -> list[frozenset[str]]:
    """The questions that are left out together, because they ask for the same things."""
    return [frozenset(names) for names in parse(path.read_text(encoding="utf-8"))]
