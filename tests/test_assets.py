"""The maths font: a subset that holds what the formulas need, made once."""

from pathlib import Path

from fontTools.ttLib import TTFont

from app import bank, labs, markdown
from app.assets import Assets
from app.settings import ROOT

FORMULA = r"\sum_{i} \alpha_i \frac{\mathbb{E}[h]}{\sqrt{d_k}} \in \R \cdot \ell \top"


def test_every_character_of_a_formula_is_in_the_font(tmp_path: Path) -> None:
    rendered = markdown.render(f"${FORMULA}$")
    Assets(tmp_path, rendered).url("maths.woff2")
    [path] = tmp_path.glob("*.woff2")
    with TTFont(path) as font:
        characters = set(font.getBestCmap())
        for needed in "∑𝛼𝔼ℎ√∈ℝ⋅ℓ⊤𝑑𝑘𝑖":
            assert ord(needed) in characters, needed
        assert "MATH" in font  # stretchy brackets and roots are drawn from it


def test_the_font_is_made_once_and_anew_for_other_formulas(tmp_path: Path) -> None:
    Assets(tmp_path, markdown.render("$x$")).url("maths.woff2")
    [path] = tmp_path.glob("*.woff2")
    made = path.stat().st_mtime_ns
    Assets(tmp_path, markdown.render("$x$")).url("maths.woff2")
    assert path.stat().st_mtime_ns == made
    Assets(tmp_path, markdown.render(r"$\Omega$")).url("maths.woff2")
    assert len(list(tmp_path.glob("*.woff2"))) == 2


def test_the_whole_banks_font_is_small(tmp_path: Path) -> None:
    rendered = "".join(
        markdown.render(text)
        for question in bank.load(ROOT / "questions", labs.check).values()
        for text in question.sections.values()
    )
    Assets(tmp_path, rendered).url("maths.woff2")
    [path] = tmp_path.glob("*.woff2")
    assert path.stat().st_size < 30_000


def test_an_address_changes_with_the_content(tmp_path: Path) -> None:
    one = Assets(tmp_path, markdown.render("$x$"))
    other = Assets(tmp_path, markdown.render(r"$\Omega$"))
    assert one.url("maths.woff2") != other.url("maths.woff2")
    assert one.url("plotly.js") == other.url("plotly.js")
