"""Markdown: maths to MathML, code highlighted, raw HTML never passed on."""

import pytest

from app import markdown


def test_raw_html_is_shown_not_run() -> None:
    html = markdown.render("<script>alert(1)</script> and <b onclick=x>b</b>")
    assert "<script" not in html
    assert "<b " not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    "latex",
    [
        r"\softmax\!\left(\frac{QK^\top}{\sqrt{d_k}}\right)V",
        r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
        r"f(x) = \begin{cases} 1 & x > 0 \\ 0 & x \le 0 \end{cases}",
        r"\begin{pmatrix} \cos\theta & -\sin\theta \\ \sin\theta & \cos\theta \end{pmatrix}",
    ],
)
def test_the_formulas_of_the_field_are_typeset(latex: str) -> None:
    assert markdown.mathml(latex, display=True).startswith('<math display="block"')


def test_a_formula_that_fails_is_quoted() -> None:
    with pytest.raises(markdown.MathsError, match=r"nonsense"):
        markdown.render(r"$\nonsense$")


def test_tables_scroll_in_a_box_of_their_own() -> None:
    html = markdown.render("| a | b |\n|---|---|\n| 1 | 2 |")
    assert '<div class="scroll"><table>' in html
    assert "</table></div>" in html


def test_code_is_highlighted_and_escaped() -> None:
    html = markdown.render("```python\nassert 1 < 2\n```")
    assert '<span class="k">assert</span>' in html
    assert "&lt;" in html


def test_an_unknown_language_is_plain_code() -> None:
    assert "x &lt; y" in markdown.render("```klingon\nx < y\n```")
