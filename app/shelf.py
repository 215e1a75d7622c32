"""The bank that the app shows: the one shipped, with the decks of one's own beside it.

It is put up at the start and again when a deck comes or goes: a new bank in the place of
the old one, at once, so that no request sees half of a change.
"""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from fastapi import FastAPI

from app import decks, labs, markdown
from app.assets import Assets
from app.bank import Bank
from app.decks import DeckError, Files, OwnDeck
from app.question import Question
from app.settings import Settings

CHANGING = threading.Lock()


def folder(settings: Settings) -> Path:
    """Where the decks of one's own lie."""
    return settings.data_dir / "decks"


def put_up(app: FastAPI) -> None:
    """Show what is shipped and what lies in the folder of decks, from now on."""
    state = app.state
    own = decks.load(folder(state.settings), state.shipped, labs.check)
    bank = Bank(
        [*state.shipped.values(), *(question for deck in own for question in deck.questions)]
    )
    maths = rendered(bank)
    if hasattr(state, "assets"):
        state.assets.cover(maths)
    else:
        state.assets = Assets(state.settings.data_dir / "cache", maths=maths)
    state.bank, state.decks = bank, own


def add(app: FastAPI, name: str, files: Files, *, is_replacing: bool = False) -> None:
    """Check a deck, keep it and show it. Raises DeckError, and then nothing has changed."""
    with CHANGING:
        if not is_replacing and any(deck.name == name for deck in app.state.decks):
            raise DeckError(f"There is a deck “{name}” already: replace it, or give another name.")
        check(app.state.decks, app.state.shipped, name, files)
        decks.keep(folder(app.state.settings), name, files)
        put_up(app)


def check(own: Sequence[OwnDeck], shipped: Bank, name: str, files: Files) -> tuple[Question, ...]:
    """The questions of a deck that can stand beside the others. Raises DeckError."""
    others = {
        question.slug: deck.name for deck in own if deck.name != name for question in deck.questions
    }
    return decks.read(name, files, shipped, others, labs.check)


def remove(app: FastAPI, name: str) -> None:
    with CHANGING:
        decks.remove(folder(app.state.settings), name)
        put_up(app)


def missing(
    settings: Settings, shipped: Bank, texts: Mapping[str, Mapping[str, str]]
) -> dict[str, Files]:
    """Those decks of an import that are not here, checked; one of a name that is stays as it is.

    Raises DeckError.
    """
    root = folder(settings)
    own = decks.load(root, shipped, labs.check)
    coming: dict[str, Files] = {}
    for name, files in texts.items():
        if any(deck.name == name for deck in own):
            continue
        coming[name] = decks.bounded([(file, text.encode()) for file, text in files.items()])
        own.append(OwnDeck(name, check(own, shipped, name, coming[name])))
    return coming


def keep(settings: Settings, coming: Mapping[str, Files]) -> None:
    for name, files in coming.items():
        decks.keep(folder(settings), name, files)


def rendered(bank: Bank) -> str:
    """Every text of the bank as HTML, for the characters of its formulas; loading rendered it."""
    questions = list(bank.values())
    sections = [text for question in questions for text in question.sections.values()]
    lines = [text for q in questions for point in q.points for text in (point.text, point.hint)]
    return "".join((*map(markdown.render, sections), *map(markdown.render_inline, lines)))
