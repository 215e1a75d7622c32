"""The bank: what a question file must be, and what is said of one that is not."""

import re
from pathlib import Path

import pytest

from app import bank, labs
from app.question import SECTIONS, Question
from app.settings import ROOT

SEED_COUNT = 50


def load(folder: Path) -> bank.Bank:
    return bank.load(folder, labs.check)


def test_a_question_is_read_whole(questions: Path) -> None:
    question = load(questions)["why-scale"]
    assert question.number == 1
    assert [point.id for point in question.points] == [f"point-{n}" for n in range(1, 6)]
    assert tuple(question.sections) == SECTIONS["theory"]
    assert question.sections["Where candidates slip"] == "- They forget the root."


def test_a_heading_inside_a_code_fence_is_code(questions: Path) -> None:
    path = questions / "theory" / "01-why-scale.md"
    path.write_text(path.read_text().replace("import torch\n", "## In depth\nimport torch\n"))
    assert "## In depth" in load(questions)["why-scale"].sections["In code"]


FAULTS = {
    "an unknown field": ("minutes: 4", "minutes: 4\ncolour: red", "colour"),
    "an unknown topic": ("topic: attention", "topic: gardening", "topic"),
    "too few says": ("a fourth way, a fifth way]", "a fourth way]", "points.0.says"),
    "too few denies": ("another wrong way, a third wrong way]", "x]", "points.0.denies"),
    "broken YAML": ("minutes: 4", "minutes: [4", "YAML"),
    "an id that is no slug": ("id: point-5", "id: Point 5", "points.4.id"),
    "a repeated id": ("id: point-2", "id: point-1", "points"),
    "no essential point": ("essential: true", "essential: false", "points"),
    "a missing heading": ("## In code", "### In code", "sections"),
    "an empty section": ("- A temperature.", "", "sections"),
    "headings out of order": ("## In code", "## What a senior adds", "sections"),
    "text before the headings": ("---\n## In thirty", "---\nHm.\n## In thirty", "sections"),
    "an unknown follow-up": ("[what-is-a-mask]", "[nowhere]", "nowhere"),
    "an unknown lab": ("labs: [self-attention]", "labs: [phrenology]", "phrenology"),
    "a lab's unknown parameter": (
        "{name: cross-attention}",
        "{name: cross-attention, params: {colour: red}}",
        "points.1.lab",
    ),
    "no lab": ("labs: [self-attention]", "labs: []", "labs"),
    "a source without https": ("https://arxiv", "http://arxiv", "sources.0.url"),
    "a formula that cannot be typeset": (r"\sum_{i=1}", r"\nonsense{i=1}", "In depth"),
    "front matter that is no mapping": ("title: Why are", "- title: Why are", "front matter"),
    "a field that the file itself gives": ("minutes: 4", "minutes: 4\nslug: other", "slug"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused_with_its_file_and_field(questions: Path, fault: str) -> None:
    old, new, named = FAULTS[fault]
    path = questions / "theory" / "01-why-scale.md"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(bank.BankError) as error:
        load(questions)
    assert "01-why-scale.md" in str(error.value)
    assert named in str(error.value)


def test_a_slug_belongs_to_one_file(questions: Path) -> None:
    path = questions / "theory" / "02-what-is-a-mask.md"
    (questions / "theory" / "03-what-is-a-mask.md").write_text(path.read_text())
    with pytest.raises(bank.BankError, match=r"taken by .*02-what"):
        load(questions)


def test_a_quick_fire_question_names_what_goes_deeper(questions: Path) -> None:
    text = (questions / "theory" / "02-what-is-a-mask.md").read_text()
    for heading in ("In code", "What a senior adds"):
        text = re.sub(rf"## {heading}\n.*?(?=\n## |\Z)", "", text, flags=re.DOTALL)
    (questions / "quickfire").mkdir()
    path = questions / "quickfire" / "01-mask-quick.md"
    path.write_text(text)
    with pytest.raises(bank.BankError, match=r"01-mask-quick\.md: deeper"):
        load(questions)
    path.write_text(text.replace("minutes: 4", "minutes: 4\ndeeper: what-is-a-mask"))
    assert load(questions)["mask-quick"].deeper == "what-is-a-mask"


def test_a_slug_is_not_the_name_of_a_page(questions: Path) -> None:
    (questions / "theory" / "03-print.md").write_text(
        (questions / "theory" / "02-what-is-a-mask.md").read_text()
    )
    with pytest.raises(bank.BankError, match="03-print"):
        load(questions)


@pytest.mark.parametrize("name", ["1-short.md", "01-Capital.md", "readme.md", "01-.md"])
def test_a_file_name_that_is_no_number_and_slug_is_refused(questions: Path, name: str) -> None:
    (questions / "theory" / name).write_text("")
    with pytest.raises(bank.BankError, match=re.escape(name)):
        load(questions)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(bank.BankError, match="nowhere"):
        load(tmp_path / "nowhere")


def test_a_file_that_is_not_text_is_named(questions: Path) -> None:
    (questions / "theory" / "03-bytes.md").write_bytes(b"\xff\xfe")
    with pytest.raises(bank.BankError, match=r"03-bytes\.md.*UTF-8"):
        load(questions)


def test_search_finds_all_words_in_any_order_and_case(questions: Path) -> None:
    loaded = load(questions)
    assert [found.slug for found in loaded.select(q="SCALED why")] == ["why-scale"]
    assert [found.slug for found in loaded.select(q="scaled mask")] == []
    assert len(loaded.select()) == 2
    assert [found.slug for found in loaded.select(difficulty="easy")] == ["what-is-a-mask"]
    assert loaded.select(topic="scaling") == []


def test_neighbours_follow_the_order_of_the_files(questions: Path) -> None:
    loaded = load(questions)
    following = loaded.after("why-scale")
    assert following is not None
    assert following.slug == "what-is-a-mask"
    assert loaded.after("what-is-a-mask") is None
    assert loaded.before("why-scale") is None


@pytest.fixture(scope="module")
def theory() -> list[Question]:
    return load(ROOT / "questions").select(deck="theory")


def test_the_theory_deck_is_the_fifty_in_order(theory: list[Question]) -> None:
    assert [question.number for question in theory] == list(range(1, SEED_COUNT + 1))
    assert all(question.title.endswith((".", "?")) for question in theory)


def test_theory_answers_have_the_length_that_is_promised(theory: list[Question]) -> None:
    for question in theory:
        words = len(question.sections["In thirty seconds"].split())
        assert 55 <= words <= 95, (question.slug, words)
        assert len(question.follow_ups) >= 2, question.slug
        assert len(question.sources) >= 2, question.slug
        assert 2 <= sum(point.essential for point in question.points) <= 4, question.slug


def test_every_lab_serves_a_question() -> None:
    everything = load(ROOT / "questions")
    assert [name for name in labs.LABS if not everything.serving(name)] == []


def test_no_wording_both_makes_and_denies(theory: list[Question]) -> None:
    for question in theory:
        for point in question.points:
            assert len(set(point.says)) == len(point.says), (question.slug, point.id)
            assert not set(point.says) & set(point.denies), (question.slug, point.id)
