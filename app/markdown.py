"""Markdown to HTML: prose, tables, code by Pygments, maths as MathML by math-core.

Everything is rendered on the server, so a page needs no maths JavaScript. Raw
HTML in the source is escaped, never passed on.
"""

from functools import cache

from markdown_it import MarkdownIt
from math_core import LatexError, LatexToMathML
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

CODE = HtmlFormatter(nowrap=True)
MATHS = LatexToMathML(
    fancy_error=False, macros={"R": r"\mathbb{R}", "softmax": r"\operatorname{softmax}"}
)


LONGEST_FORMULA = 2000  # characters: math-core recurses, and a deep enough nest ends Python


class MathsError(ValueError):
    """A formula that cannot be typeset; the message quotes it."""


def mathml(latex: str, display: bool = False) -> str:
    """`latex` without its dollars as a MathML element. Raises MathsError."""
    if len(latex) > LONGEST_FORMULA:
        raise MathsError(
            f"cannot typeset {latex[:30]!r}: {len(latex):,} characters, the most is "
            f"{LONGEST_FORMULA:,}"
        )
    try:
        return str(MATHS.convert_with_local_state(latex, displaystyle=display))
    except LatexError as error:
        raise MathsError(f"cannot typeset {latex!r}: {error}") from error


def _formula(latex: str, options: dict[str, bool]) -> str:
    return mathml(latex, options["display_mode"])


def _code(text: str, language: str, _attributes: str) -> str:
    try:
        lexer = get_lexer_by_name(language or "text")
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    return highlight(text, lexer, CODE)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "highlight": _code})
    parser.enable(["table", "strikethrough"])
    parser.use(dollarmath_plugin, renderer=_formula, allow_labels=False, double_inline=True)
    parser.use(amsmath_plugin, renderer=lambda latex: _formula(latex, {"display_mode": True}))
    parser.add_render_rule("table_open", lambda *_: '<div class="scroll"><table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return parser


PARSER = _parser()


@cache
def render(text: str) -> str:
    """`text` in Markdown as HTML. Cached: the bank is frozen. Raises MathsError."""
    return str(PARSER.render(text))


@cache
def render_inline(text: str) -> str:
    """One line of Markdown as HTML without a surrounding paragraph. Raises MathsError."""
    return str(PARSER.renderInline(text))
