"""Decks of one's own: folders of question files beside the bank, held to the same schema.

They are other people's files: each is read with a bound on its size, depth and number, and
every fault is named with file and line. A faulty deck is left out; it never stops the start.
"""

import io
import re
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from app import bank, question_file
from app.bank import Bank, LabCheck
from app.question import Question
from app.question_file import FileFault

FILE_LIMIT = 100_000  # bytes: the bank's longest question has 22,279
DECK_LIMIT = 5_000_000
COUNT_LIMIT = 200  # files
FAULTS_SHOWN = 50
NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
NAME_LIMIT = 40

Files = Mapping[str, bytes]  # by file name


class DeckError(ValueError):
    """A deck that cannot be taken; `faults` are sentences, each with its file and line."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class OwnDeck:
    """One deck: its questions, or what is wrong with it."""

    name: str
    questions: tuple[Question, ...] = ()
    faults: tuple[str, ...] = ()


def name_from(text: str) -> str:
    """A name for a deck out of a file's or a folder's; `own` where nothing of it can be used."""
    words = re.findall(r"[a-z0-9]+", PurePosixPath(text).name.lower())
    return "-".join(words)[:NAME_LIMIT].strip("-") or "own"


def unpack(data: bytes) -> dict[str, bytes]:
    """The question files in a zip, whichever one folder they lie in. Raises DeckError."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _bounded(_entries(archive))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise DeckError(f"The zip cannot be read: {error}.") from error


def _entries(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    for entry in archive.infolist():
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", entry.filename):
            raise DeckError(f"{entry.filename}: a file of a deck lies inside it.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise DeckError(f"{entry.filename}: a link is no question file.")
        if entry.is_dir() or _is_litter(path):
            continue
        if entry.flag_bits & 1:
            raise DeckError(f"{entry.filename}: the zip is encrypted.")
        with archive.open(entry) as opened:  # the size that an entry says it has is not believed
            yield path.name, opened.read(FILE_LIMIT + 1)


def gather(path: Path) -> dict[str, bytes]:
    """The question files in a folder or a zip. Raises DeckError."""
    try:
        if not path.is_dir():
            with path.open("rb") as opened:
                return unpack(opened.read(DECK_LIMIT + 1))
        return _bounded(_lying_in(path))
    except OSError as error:
        raise DeckError(f"{path} cannot be read: {error.strerror}.") from error


def _lying_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.iterdir()):
        if path.is_file() and not _is_litter(PurePosixPath(path.name)):
            with path.open("rb") as opened:
                yield path.name, opened.read(FILE_LIMIT + 1)


def bounded(files: Sequence[tuple[str, bytes]]) -> dict[str, bytes]:
    """Files sent one by one, within the limits. Raises DeckError."""
    named = ((PurePosixPath(name.replace("\\", "/")), data) for name, data in files)
    return _bounded((path.name, data) for path, data in named if not _is_litter(path))


def _is_litter(path: PurePosixPath) -> bool:
    """What systems leave in folders, and a readme that explains the deck."""
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return hidden or path.name.lower() in ("readme.md", "thumbs.db", "desktop.ini")


def _bounded(entries: Iterator[tuple[str, bytes]]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    for name, data in entries:
        total += len(data)
        if name in files:
            raise DeckError(f"{name}: there are two files of this name.")
        if len(data) > FILE_LIMIT:
            raise DeckError(f"{name}: over the limit of {FILE_LIMIT:,} bytes for one question.")
        if total > DECK_LIMIT:
            raise DeckError(f"The deck is over the limit of {DECK_LIMIT:,} bytes.")
        if len(files) == COUNT_LIMIT:
            raise DeckError(f"The deck has more than {COUNT_LIMIT} files.")
        files[name] = data
    return files


def read(
    name: str, files: Files, shipped: Bank, others: Mapping[str, str], check_lab: LabCheck
) -> tuple[Question, ...]:
    """The deck's questions, by their numbers. `others` names the deck of each slug that is taken.

    Raises DeckError with every fault of every file.
    """
    if not NAME.fullmatch(name) or len(name) > NAME_LIMIT:
        raise DeckError(f"“{name}” cannot name a deck: small letters, digits and hyphens can.")
    if not files:
        raise DeckError("There is no question file in it: <nn>-<slug>.md, such as 05-scale.md.")
    faults: list[str] = []
    found: dict[str, tuple[str, Question]] = {}
    for file_name, data in sorted(files.items()):
        try:
            question = question_file.parse(file_name, data, "own")
        except FileFault as error:
            faults += (_sentence(file_name, fault) for fault in error.faults)
            continue
        if clash := _clash(question.slug, shipped, others, found):
            faults.append(f"{file_name}: the slug {question.slug!r} {clash}.")
        else:
            found[question.slug] = (file_name, question)
    known = {**shipped, **{slug: question for slug, (_, question) in found.items()}}
    for file_name, question in found.values():
        text = question_file.decode(files[file_name])
        for fault in bank.check(question, known, check_lab):
            # A file that cannot be read may be what the link leads to: one fault, not two.
            if not (faults and "there is no question" in fault.says):
                faults.append(_sentence(file_name, question_file.located(fault, text)))
    if faults:
        left_out = len(faults) - FAULTS_SHOWN
        more = (f"… and {left_out} faults more.",) if left_out > 0 else ()
        raise DeckError(*faults[:FAULTS_SHOWN], *more)
    return tuple(question for _, question in found.values())


def _clash(
    slug: str,
    shipped: Bank,
    others: Mapping[str, str],
    found: Mapping[str, tuple[str, Question]],
) -> str | None:
    if slug in bank.RESERVED:
        return "is the name of a page"
    if slug in shipped:
        return "is a question's of the bank"
    if slug in others:
        return f"is taken by the deck {others[slug]}"
    return f"is taken by {found[slug][0]}" if slug in found else None


def _sentence(file_name: str, fault: question_file.Fault) -> str:
    where = f"{file_name}:{fault.line}" if fault.line else file_name
    return f"{where}: {fault._replace(line=None)}"


def load(root: Path, shipped: Bank, check_lab: LabCheck) -> list[OwnDeck]:
    """Every deck under `root`, by name; one with a fault without its questions."""
    decks: list[OwnDeck] = []
    others: dict[str, str] = {}
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if not folder.is_dir() or not NAME.fullmatch(folder.name):
            continue
        try:
            questions = read(folder.name, gather(folder), shipped, others, check_lab)
        except DeckError as error:
            decks.append(OwnDeck(folder.name, faults=error.faults))
            continue
        others |= {question.slug: folder.name for question in questions}
        decks.append(OwnDeck(folder.name, questions))
    return decks


def keep(root: Path, name: str, files: Files) -> None:
    """Write a deck that was read; what it holds replaces a deck of that name at once."""
    unfinished, old = root / f".{name}.unfinished", root / f".{name}.old"
    for left in (unfinished, old):
        shutil.rmtree(left, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for file_name, data in files.items():
        (unfinished / file_name).write_bytes(data)
    folder = root / name
    if folder.exists():
        folder.rename(old)
    unfinished.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def remove(root: Path, name: str) -> None:
    """Delete a deck's files; the answers to its questions are rows and stay."""
    if NAME.fullmatch(name):
        shutil.rmtree(root / name, ignore_errors=True)


def texts(root: Path) -> dict[str, dict[str, str]]:
    """Every deck's files as text, for an export."""
    decks: dict[str, dict[str, str]] = {}
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.is_dir() and NAME.fullmatch(folder.name):
            files = gather(folder)
            decks[folder.name] = {
                name: question_file.decode(data) for name, data in sorted(files.items())
            }
    return decks
