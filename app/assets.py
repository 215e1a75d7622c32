"""What the browser loads beside the pages: our CSS and JavaScript, and what packages carry.

Every address holds a digest of the content, so a browser may keep it for a year:
`/assets/<digest>/css/base.css`. Modules import each other by relative paths, which
therefore stay inside their digest. Nothing here is ever fetched from the network.
"""

import hashlib
import html
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from pygments.formatters.html import HtmlFormatter

from app.settings import ROOT

STATIC = ROOT / "static"


def _carried(package: str, *path: str) -> Path:
    """A file that an installed package carries; the package itself is not imported."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the package {package} is not installed: run `make run`")
    return Path(spec.origin).parent.joinpath(*path)


PLOTLY = _carried("plotly", "package_data", "plotly.min.js")
MATHS_FONT = _carried("ziamath", "fonts", "STIXTwoMath-Regular.ttf")

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
}
MATHML = re.compile(r"<math.*?</math>", re.DOTALL)
TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Asset:
    """One file for the browser: bytes of ours, or a path into an installed package."""

    content: bytes | Path
    media_type: str


class Assets:
    """The assets as they are now, and, for pages that are open, as they were before."""

    def __init__(self, cache: Path, maths: str) -> None:
        self._cache = cache
        self._editions: list[Edition] = []
        self.cover(maths)

    def cover(self, maths: str) -> None:
        """Have the maths font hold the characters of `maths`, rendered HTML, from now on."""
        edition = Edition(self._cache, "".join(sorted(set(_maths_characters(maths)))))
        if not self._editions or edition.characters != self._editions[0].characters:
            self._editions = [edition, *self._editions]

    def url(self, path: str) -> str:
        """The address of `path`, such as css/base.css. Raises KeyError for an unknown one."""
        return self._editions[0].url(path)

    @property
    def modules(self) -> list[str]:
        """The addresses of all our JavaScript, so that a page can fetch it in one go."""
        return self._editions[0].modules

    def find(self, digest: str, path: str) -> Asset | None:
        """The asset at an address that `url` gave, or None."""
        found = (edition.find(digest, path) for edition in self._editions)
        return next((asset for asset in found if asset), None)


class Edition:
    """All assets by group; a group's digest changes when anything in it does."""

    def __init__(self, cache: Path, characters: str) -> None:
        self._cache = cache
        self.characters = characters

    @cached_property
    def groups(self) -> dict[str, dict[str, Asset]]:
        maths = {"maths.woff2": Asset(self._font(), MEDIA_TYPES[".woff2"])}
        rendered = _rendered_css(f"/assets/{_digest(maths)}/maths.woff2").encode()
        return {
            "site": {
                str(path.relative_to(STATIC)): Asset(path.read_bytes(), MEDIA_TYPES[path.suffix])
                for path in sorted(STATIC.rglob("*"))
                if path.suffix in MEDIA_TYPES
            }
            | {"css/rendered.css": Asset(rendered, MEDIA_TYPES[".css"])},
            "maths": maths,
            "plotly": {"plotly.js": Asset(PLOTLY, MEDIA_TYPES[".js"])},
        }

    @cached_property
    def _digests(self) -> dict[str, str]:
        return {group: _digest(assets) for group, assets in self.groups.items()}

    def url(self, path: str) -> str:
        group = next((name for name, assets in self.groups.items() if path in assets), None)
        if group is None:
            raise KeyError(f"no asset {path!r}")
        return f"/assets/{self._digests[group]}/{path}"

    @cached_property
    def modules(self) -> list[str]:
        return [self.url(path) for path in self.groups["site"] if path.endswith(".js")]

    def find(self, digest: str, path: str) -> Asset | None:
        group = next((name for name, known in self._digests.items() if known == digest), None)
        return self.groups[group].get(path) if group else None

    def _font(self) -> bytes:
        """STIX Two Math with the characters of our formulas alone, as WOFF2; kept once made."""
        key = hashlib.sha256(MATHS_FONT.read_bytes() + self.characters.encode()).hexdigest()[:16]
        kept = self._cache / f"maths-{key}.woff2"
        if not kept.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            unfinished = kept.with_suffix(".unfinished")
            unfinished.write_bytes(_subset(self.characters))
            unfinished.replace(kept)
        return kept.read_bytes()


def _digest(assets: dict[str, Asset]) -> str:
    total = hashlib.sha256()
    for name, asset in assets.items():
        content = asset.content
        total.update(name.encode())
        total.update(content if isinstance(content, bytes) else content.read_bytes())
    return total.hexdigest()[:16]


def _maths_characters(rendered: str) -> Iterable[str]:
    # Digits and Latin letters are always there: labs write formulas of their own.
    yield from "0123456789+-−=<>()[]{}|,.·×√∑∞ abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for formula in MATHML.findall(rendered):
        yield from html.unescape(TAG.sub("", formula))
        # MathML draws a lone letter in <mi> as mathematical italic.
        for letter in re.findall(r"<mi>(.)</mi>", html.unescape(formula)):
            yield from _italic(letter)


def _italic(letter: str) -> str:
    """The mathematical italic form of a Latin or Greek letter, or nothing."""
    if letter == "h":
        return "ℎ"
    for first, last, start in (
        ("A", "Z", 0x1D434),
        ("a", "z", 0x1D44E),
        ("Α", "Ω", 0x1D6E2),
        ("α", "ω", 0x1D6FC),
    ):
        if first <= letter <= last:
            return chr(start + ord(letter) - ord(first))
    return ""


@cache
def _subset(characters: str) -> bytes:
    # Without the redrawn script sizes (ssty), which alone would double the file.
    options = subset.Options(flavor="woff2", layout_features=["dtls"], hinting=False)
    with TTFont(MATHS_FONT) as font:
        cut = subset.Subsetter(options)
        cut.populate(text=characters)
        cut.subset(font)
        _narrow_radicals(font)
        out = io.BytesIO()
        font.flavor = "woff2"
        font.save(out)
    return out.getvalue()


def _narrow_radicals(font: TTFont) -> None:
    """Make the tall forms of the radical sign as wide as the first.

    Chromium leaves room after every root for the widest form that the font has
    (MathML Core, preferred inline size of a stretchy operator): a gap of 0.4 em.
    """
    variants = font["MATH"].table.MathVariants
    radical = font.getBestCmap()[ord("√")]
    forms = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(radical)]
    width = font["hmtx"][radical][0]
    for form in (*forms.MathGlyphVariantRecord, *forms.GlyphAssembly.PartRecords):
        name = getattr(form, "VariantGlyph", None) or form.glyph
        advance, bearing = font["hmtx"][name]
        if advance > width:
            glyph = font["glyf"][name]
            glyph.coordinates.scale((width / advance, 1))
            glyph.coordinates.toInt()
            glyph.recalcBounds(font["glyf"])
            font["hmtx"][name] = (width, round(bearing * width / advance))


def _rendered_css(font: str) -> str:
    """The maths font's address, and Pygments' colours for both colour schemes."""
    light, dark = (
        str(HtmlFormatter(style=style).get_style_defs("code"))  # type: ignore[no-untyped-call]
        for style in ("friendly", "github-dark")
    )
    return (
        '@font-face { font-family: "STIX Two Math"; font-display: swap; '
        f'src: url("{font}") format("woff2"); }}\n'
        f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
    )
