"""The grader's promises that do not hang on its weights, and a few that do."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import grading
from app.grading import VERSION, Claim, Grader, PointVerdict, is_readable, score
from model.checkpoint import Models
from model.evidence import usable

ANSWER = """\
Every query is compared with every key by a dot product. The scores are divided by the square root
of the key dimension, because otherwise their variance would grow with the dimension and the softmax
would saturate; a saturated softmax passes back almost no gradient.

Some say that the mask is applied after the softmax, but that is wrong: it sets scores to minus
infinity before it. So the output is an average of the values, weighted by these scores. Überall —
fertig!"""
CLAIMS = (
    Claim("scale", "Dividing by the square root of d_k keeps the variance of the scores near one."),
    Claim("saturation", "A saturated softmax has almost no gradient.", essential=True, weight=3),
    Claim("mask", "The mask sets forbidden scores to minus infinity before the softmax."),
    Claim("values", "The output is a weighted average of the values.", weight=2),
    Claim("rows", "The softmax runs over the queries."),
    Claim("tokens", "Byte-pair encoding merges the most frequent pair of symbols."),
    Claim("beam", "A wider beam can give worse translations."),
)


@pytest.fixture(scope="module")
def grader(models: Models) -> Grader:
    return Grader(models)


def marks(verdicts: Sequence[PointVerdict]) -> dict[str, str]:
    return {verdict.id: verdict.verdict for verdict in verdicts}


def test_an_answer_makes_what_it_says_and_not_what_it_leaves_out(grader: Grader) -> None:
    found = marks(grader.grade(ANSWER, CLAIMS))
    assert found["saturation"] == found["values"] == "made"
    assert found["tokens"] == found["beam"] == "missing"


def test_the_same_answer_gets_the_same_verdicts(grader: Grader, models: Models) -> None:
    assert grader.grade(ANSWER, CLAIMS) == Grader(models).grade(ANSWER, CLAIMS)


def test_the_order_of_the_claims_changes_nothing_but_the_order(grader: Grader) -> None:
    shuffled = random.Random(3).sample(CLAIMS, len(CLAIMS))
    found = grader.grade(ANSWER, shuffled)
    assert [verdict.id for verdict in found] == [claim.id for claim in shuffled]
    assert set(found) == set(grader.grade(ANSWER, CLAIMS))


def test_a_claim_alone_is_judged_as_among_others(grader: Grader) -> None:
    together = grader.grade(ANSWER, CLAIMS)
    assert [grader.grade(ANSWER, [claim])[0] for claim in CLAIMS] == together


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.sampled_from(
            [
                *ANSWER.split(". "),
                "- x; y\n\n",
                "\t1) the softmax saturates",
                "e.g. 3.5 % of d_k…",
                "\r\n",
                "🙂 good",
                "ﬁne",
                "a\u0301 ",
                "$QK^\\top$ !?",
            ]
        ),
        max_size=8,
    )
)
def test_a_quote_is_the_candidates_own_text_letter_for_letter(
    grader: Grader, parts: list[str]
) -> None:
    answer = " ".join(parts)
    for verdict in grader.grade(answer, CLAIMS[:2]):
        assert 0 <= verdict.confidence <= 1
        if verdict.quote is None:
            assert verdict.start is None
            assert verdict.verdict in ("missing", "unsure")
        else:
            assert verdict.quote == answer[verdict.start : verdict.end]
            assert verdict.quote.strip()


@pytest.mark.parametrize(
    "answer",
    [
        "dot product, softmax, variance, sqrt(d_k), gradient, saturation, mask, minus infinity",
        "query key value softmax scale variance root dimension saturation gradient mask infinity",
        "- softmax\n- variance\n- minus infinity\n- weighted average\n- values",
    ],
)
def test_a_run_of_keywords_asserts_nothing(grader: Grader, answer: str) -> None:
    assert set(marks(grader.grade(answer, CLAIMS)).values()) == {"missing"}


@pytest.mark.parametrize("answer", ["", " \n\t"])
def test_an_empty_answer_misses_everything(grader: Grader, answer: str) -> None:
    assert set(marks(grader.grade(answer, CLAIMS)).values()) == {"missing"}


@pytest.mark.parametrize(
    "answer",
    [
        "x",
        "?",
        "7",
        "On divise par la racine carrée de la dimension des clés pour que la variance reste un.",
        "Man teilt durch die Wurzel der Dimension, damit die Varianz der Werte nicht wächst.",
        "Las puntuaciones se dividen por la raíz de la dimensión para que no crezcan.",
        "注意力机制用查询和键的点积来计算权重。",
        "Маска ставит минус бесконечность перед софтмаксом.",
    ],
)
def test_what_cannot_be_read_is_never_marked(grader: Grader, answer: str) -> None:
    assert not is_readable(answer)
    assert set(marks(grader.grade(answer, CLAIMS)).values()) == {"unsure"}


def test_the_prompt_pasted_makes_no_point(grader: Grader) -> None:
    prompt = "Explain why the mask sets forbidden scores to minus infinity before the softmax."
    assert usable(prompt)
    assert not usable(prompt, prompt)
    assert marks(grader.grade(prompt, CLAIMS[2:3], prompt))["mask"] == "missing"


def test_a_known_wording_is_recognised(grader: Grader) -> None:
    claim = Claim(
        "scale",
        CLAIMS[0].text,
        says=("It is like dividing the sum of many dice so that the spread stays the same.",),
        denies=("You divide by the square root of d_k so that the weights sum to one.",),
    )
    assert marks(grader.grade(claim.says[0], [claim]))["scale"] == "made"
    assert marks(grader.grade(claim.denies[0], [claim]))["scale"] == "contradicted"


def test_a_quote_is_recognised_as_the_known_mistake_that_it_is(grader: Grader) -> None:
    mistakes = (
        "Each head gets a different part of the sentence to look at.",
        "Multiplying by the square root of d_k makes the scores larger.",
    )
    quote = (
        "Every head receives another part of the sentence, the first head the first words "
        "and so forth."
    )
    assert grader.recognise(quote, mistakes) == mistakes[0]
    assert grader.recognise(mistakes[1], mistakes) == mistakes[1]
    assert grader.recognise("The encoder reads the sentence in both directions.", mistakes) is None
    assert grader.recognise(quote, ()) is None


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_said_word_for_word_is_made(grader: Grader, claim: Claim) -> None:
    for answer in (claim.text, f"I think {claim.text[0].lower()}{claim.text[1:]}"):
        assert marks(grader.grade(answer, [claim])) == {claim.id: "made"}


def test_what_only_leaves_words_out_denies_nothing(grader: Grader) -> None:
    claim = "Every head has its own learned query, key and value projections of the same input."
    for passage in (
        "Each head has its own query, key and value projections.",
        "Every head has learned projections.",
    ):
        assert marks(grader.grade(passage, [Claim("own", claim)]))["own"] != "contradicted"


def test_two_words_that_changed_places_do_not_make_the_claim(grader: Grader) -> None:
    claim = Claim("both", "BERT is bidirectional while GPT is causal.")
    assert marks(grader.grade("GPT is causal, BERT is bidirectional.", [claim]))["both"] == "made"
    assert marks(grader.grade("GPT is bidirectional, BERT is causal.", [claim]))["both"] != "made"


def test_no_claims_no_verdicts(grader: Grader) -> None:
    assert grader.grade(ANSWER, []) == []


def test_the_score_is_the_share_of_the_weight_that_was_made() -> None:
    verdicts = [
        PointVerdict("saturation", "made", 0.9, "x", 0, 1),
        PointVerdict("values", "unsure", 0.5, "x", 0, 1),
        PointVerdict("scale", "contradicted", 0.9, "x", 0, 1),
    ]
    claims = [claim for claim in CLAIMS if claim.id in ("saturation", "values", "scale")]
    assert score(verdicts, claims) == 3 / 6
    assert score([], []) == 0.0


def test_the_version_changes_with_the_weights_and_with_the_maps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, matrix, maps = (tmp_path / part.name for part in grading.PARTS)
    monkeypatch.setattr(grading, "PARTS", (weights, matrix, maps))
    seen = {grading.name_version()}
    for path in (weights, maps, matrix, weights):
        path.write_bytes(path.read_bytes() + b"1" if path.is_file() else b"0")
        seen.add(grading.name_version())
    assert len(seen) == 5
    assert VERSION not in seen
