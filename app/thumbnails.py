"""A small picture of each lab, drawn from a run of the lab itself at its defaults.

This installation computes them when they are first looked at and keeps them in the data directory,
under a digest of all the code and weights that they come from.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from app import marks, sketch
from app.labs.illustration import Illustration, Lab
from app.settings import ROOT

CODE = ("app/labs/**/*.py", "model/**/*.py")


class Thumbnails:
    """The pictures that are kept in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.digest = self._digest()  # at the start, so that no page has to wait for it

    def _digest(self) -> str:
        """Of all that decides what they look like; weights by their size and time alone."""
        total = hashlib.sha256()
        for path in self._sources():
            total.update(path.read_bytes())
        for path in sorted(ROOT.glob("model/weights/*.safetensors")):
            known = path.stat()
            total.update(f"{path.name} {known.st_size} {known.st_mtime_ns}".encode())
        return total.hexdigest()[:16]

    def _sources(self) -> Iterator[Path]:
        for pattern in CODE:
            yield from sorted(ROOT.glob(pattern))
        yield from (Path(marks.__file__), Path(sketch.__file__), sketch.STYLES)

    def url(self, lab: Lab) -> str:
        return f"/labs/{lab.name}/thumbnail.svg?{self.digest}"

    def find(self, lab: Lab) -> str | None:
        """The picture, if it has been drawn."""
        path = self._path(lab)
        return path.read_text(encoding="utf-8") if path.exists() else None

    def keep(self, lab: Lab, illustration: Illustration) -> str:
        """Draw the picture of a run and keep it; those of older code are thrown away."""
        drawn = sketch.draw(lab.sketch(illustration).to_plotly_json())
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.glob(f"{lab.name}.*.svg"):
            old.unlink(missing_ok=True)
        unfinished = self._path(lab).with_suffix(".unfinished")
        unfinished.write_text(drawn, encoding="utf-8")
        unfinished.replace(self._path(lab))
        return drawn

    def _path(self, lab: Lab) -> Path:
        return self.folder / f"{lab.name}.{self.digest}.svg"
