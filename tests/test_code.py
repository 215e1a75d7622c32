"""Every Python block of every answer runs as written, and its assertions hold."""

import re

import pytest
import torch

from app import bank, labs
from app.settings import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
BANK = bank.load(ROOT / "questions", labs.check)
WITH_CODE = [slug for slug in BANK if BLOCK.search("\n".join(BANK[slug].sections.values()))]


@pytest.mark.parametrize("slug", WITH_CODE)
def test_the_code_of_an_answer_runs_and_asserts_something(slug: str) -> None:
    blocks = BLOCK.findall("\n".join(BANK[slug].sections.values()))
    assert any(re.search(r"\bassert", block) for block in blocks)
    state = torch.get_rng_state()
    namespace: dict[str, object] = {"__name__": slug}
    try:
        for block in blocks:
            exec(compile(block, slug, "exec"), namespace)
    finally:
        torch.set_rng_state(state)


def test_every_theory_answer_has_code() -> None:
    assert {question.slug for question in BANK.select(deck="theory")} <= set(WITH_CODE)
