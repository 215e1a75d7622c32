"""Decks of one's own: whole or refused by file and line; nothing leaves its folder."""

import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from app import decks, labs, question_file
from app.bank import Bank
from app.decks import DeckError
from app.question import Question
from tests.conftest import question_file as written

NAME = "01-what-is-mine.md"


def own(title: str = "What is mine?") -> str:
    return written(title, "hard", "why-scale")


def read(small: Bank, files: dict[str, str | bytes], **others: str) -> tuple[Question, ...]:
    data = {
        name: content.encode() if isinstance(content, str) else content
        for name, content in files.items()
    }
    return decks.read("mine", data, small, others, labs.check)


def faults(small: Bank, files: dict[str, str | bytes]) -> tuple[str, ...]:
    with pytest.raises(DeckError) as error:
        read(small, files)
    return error.value.faults


def test_a_question_of_ones_own_needs_less(small: Bank) -> None:
    text = own().replace("labs: [self-attention]", "labs: []")
    text = text[: text.index("## In depth")]
    sources = text[text.index("sources:") : text.index("---\n## In thirty")]
    [question] = read(small, {NAME: text.replace(sources, "")})
    assert (question.deck, question.labs, question.sources) == ("own", (), ())
    assert list(question.sections) == ["In thirty seconds"]


def test_a_windows_file_is_read(small: Bank) -> None:
    text = b"\xef\xbb\xbf" + own().replace("\n", "\r\n").encode()
    assert read(small, {NAME: text})[0].slug == "what-is-mine"


LINES: dict[str, tuple[str, str]] = {
    "an unknown topic": ("topic: attention", "topic: gardening"),
    "an unknown field": ("minutes: 4", "minutes: 4\ncolour: red"),
    "a point's short text": ("text: Point number 3 is a claim about $d_k$.", "text: Short"),
    "too few denies": (
        "denies: [a wrong way, another wrong way, a third wrong way]",
        "denies: [x]",
    ),
    "broken YAML": ("minutes: 4", "minutes: [4\ndifficulty: {"),
    "an unknown lab": ("labs: [self-attention]", "labs: [phrenology]"),
    "an unknown follow-up": ("follow_ups: [why-scale]", "follow_ups: [nowhere]"),
    "a source without https": ("https://arxiv", "http://arxiv"),
    "a formula that cannot be typeset": (r"\sum_{i=1}", r"\nonsense{i=1}"),
    "an alias": ("minutes: 4", "minutes: &four 4\nnumber: *four"),
}


@pytest.mark.parametrize("fault", LINES)
def test_a_fault_is_named_with_its_line(small: Bank, fault: str) -> None:
    old, new = LINES[fault]
    text = own().replace(old, new, 1)
    assert text != own()
    changed = next(
        number
        for number, (before, after) in enumerate(
            zip(own().split("\n"), text.split("\n"), strict=False), 1
        )
        if before != after
    )
    [found] = faults(small, {NAME: text})
    number = int(found.split(":")[1])
    # YAML notices an open bracket where it looks for its end, a line or two later.
    assert changed <= number <= changed + 2, found
    assert found.startswith(f"{NAME}:")


def test_all_faults_of_all_files_are_told(small: Bank) -> None:
    one = own().replace("topic: attention", "topic: x").replace("minutes: 4", "minutes: 999")
    found = faults(small, {NAME: one, "02-why-scale.md": own(), "readme.txt": "hm"})
    assert [fault.split(":")[0] for fault in found] == [NAME, NAME, "02-why-scale.md", "readme.txt"]
    assert "is a question's of the bank" in found[2]


def test_a_file_that_is_not_text_is_named_with_its_line(small: Bank) -> None:
    [found] = faults(small, {NAME: b"---\ntitle: \xff\n---\n"})
    assert found == f"{NAME}:2: not UTF-8 text, at byte 11."[:-1]


@pytest.mark.parametrize("name", ["../mine", "", "Mine", "a" * 41, ".x", "a/b"])
def test_a_name_that_could_be_a_path_is_refused(small: Bank, name: str) -> None:
    with pytest.raises(DeckError, match="cannot name a deck"):
        decks.read(name, {NAME: own().encode()}, small, {}, labs.check)


def test_a_slug_belongs_to_one_deck(small: Bank) -> None:
    with pytest.raises(DeckError, match="taken by the deck other"):
        read(small, {NAME: own()}, **{"what-is-mine": "other"})


def archive(fill: Callable[[zipfile.ZipFile], object]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        fill(opened)
    return out.getvalue()


def _link(opened: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo(NAME)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    opened.writestr(entry, "/etc/passwd")


def _many(opened: zipfile.ZipFile) -> None:
    for number in range(decks.COUNT_LIMIT + 1):
        opened.writestr(f"a/{number}.md", "x")


def _bombs(opened: zipfile.ZipFile) -> None:
    for number in range(decks.DECK_LIMIT // decks.FILE_LIMIT + 2):
        opened.writestr(f"{number}.md", b" " * decks.FILE_LIMIT)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "a way out": (archive(lambda z: z.writestr("../../etc/cron.d/x.md", "x")), "inside it"),
    "an absolute path": (archive(lambda z: z.writestr("/etc/x.md", "x")), "inside it"),
    "a way out by Windows": (archive(lambda z: z.writestr("..\\x.md", "x")), "inside it"),
    "a link": (archive(_link), "link"),
    "a bomb": (archive(lambda z: z.writestr(NAME, b"\0" * 50_000_000)), "limit of 100,000"),
    "many bombs": (archive(_bombs), "limit of 5,000,000"),
    "too many files": (archive(_many), "more than 200"),
    "twice one name": (
        archive(lambda z: (z.writestr(f"a/{NAME}", "x"), z.writestr(f"b/{NAME}", "y"))),
        "two files",
    ),
    "no zip": (b"not a zip", "cannot be read"),
    "half a zip": (archive(lambda z: z.writestr(NAME, own() * 9))[:-40], "cannot be read"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_zip_is_refused(kind: str) -> None:
    data, reason = HOSTILE[kind]
    with pytest.raises(DeckError, match=reason):
        decks.unpack(data)


def test_what_systems_leave_in_a_zip_is_passed_over() -> None:
    def fill(opened: zipfile.ZipFile) -> None:
        opened.writestr("deck/", "")
        opened.writestr(f"deck/{NAME}", own())
        for litter in (f"__MACOSX/._{NAME}", "deck/.DS_Store", "deck/README.md"):
            opened.writestr(litter, "x")

    assert list(decks.unpack(archive(fill))) == [NAME]


@pytest.mark.parametrize(
    "matter",
    [
        "a: " + "[" * 90_000 + "]" * 90_000,
        "a:\n  " + "- " * 40_000 + "x",
        "a: &a [x]\nb: [*a, *a]",
        "a: !!python/none x",
    ],
)
def test_front_matter_that_would_exhaust_the_loader_is_refused(matter: str) -> None:
    with pytest.raises(question_file.FileFault):
        question_file.parse(NAME, f"---\n{matter}\n---\n".encode(), "own")


def test_a_formula_too_deep_to_typeset_is_refused(small: Bank) -> None:
    deep = "{" * 30_000 + "x" + "}" * 30_000
    heading = "\n\n## In depth"
    text = own().replace(f"$d_k$.{heading}", f"${deep}$.{heading}")
    [found] = faults(small, {NAME: text})
    assert "the most is 2,000" in found


def test_a_kept_deck_is_found_again_and_a_faulty_one_stops_nothing(
    small: Bank, tmp_path: Path
) -> None:
    decks.keep(tmp_path, "mine", {NAME: own().encode()})
    decks.keep(tmp_path, "broken", {"01-x.md": b"hm"})
    broken, mine = decks.load(tmp_path, small, labs.check)
    assert [question.slug for question in mine.questions] == ["what-is-mine"]
    assert "01-x.md" in broken.faults[0]
    assert broken.questions == ()
    decks.keep(tmp_path, "mine", {"02-what-is-new.md": own("What is new?").encode()})
    [_, mine] = decks.load(tmp_path, small, labs.check)
    assert [question.slug for question in mine.questions] == ["what-is-new"]
    assert decks.texts(tmp_path)["mine"] == {"02-what-is-new.md": own("What is new?")}
    decks.remove(tmp_path, "../" + tmp_path.name)
    decks.remove(tmp_path, "mine")
    assert [deck.name for deck in decks.load(tmp_path, small, labs.check)] == ["broken"]
