"""Words as the pair classifier compares them: formulas in plain letters, stems, counterparts.

A counterpart is what one says instead when one gets it wrong: increase for decrease, key for value.
"""

import re
import unicodedata

IDLE = frozenset(
    "a an the this that these those it its they them their we you i he she his her our your one "
    "is are was were be been being am do does did has have had will would can could may might "
    "of to in on at by for from with as and or so if then than there here what which who whose "
    "also just very really quite about into over up out all each every some any more".split()
)
DENIALS = frozenset(
    "not no never neither nor without cannot nothing none hardly isn aren doesn don didn won wasn "
    "weren couldn shouldn wouldn instead wrong false incorrect myth misconception mistaken untrue "
    "rather unlike contrary".split()
)
SETS = """
increase decrease reduce | grow shrink | larger smaller | big small | more less fewer | many few
high low | higher lower | longer shorter | long short | faster slower | fast slow | raise lower
rise fall
before after | first last | start end | early late | forward backward | left right | past future
previous next | earlier later | top bottom | above below | inside outside | input output
encoder decoder | query key value | source target | bert gpt | causal bidirectional
parallel sequential | train infer inference | training inference | teacher student | draft target
self cross | row column | token sentence | word character | word byte | feature token batch
add multiply | sum product | mean maximum | average max | concatenate average add
quadratic linear constant logarithmic exponential | square cube | local global | sparse dense
memory compute | memory time | weight activation gradient | precision recall | always never
same different
shared separate | share own | fixed learned | learned sinusoidal | absolute relative
hard soft | explicit implicit | static dynamic | random deterministic | discrete continuous
stable unstable | vanish explode | easy hard | better worse | improve worsen hurt | help hurt
cheap expensive | cheaper costlier | free frozen | freeze update | trained frozen | keep drop
allow prevent | enable prevent | hide show | mask see | include exclude | with without
supervised unsupervised | generate classify | generation understanding | pre post | fine coarse
bias variance | bit byte | width depth | wide deep | layer head | positive negative | minus plus
zero one infinity | all none | full low | up down | sharp flat | peaked uniform | saturate flatten
recurrent convolutional | convolution attention | rnn transformer | image text | patch pixel
merge split | frequent rare | common rare | known unknown | seen unseen | large small
exact approximate | lossless lossy | reject accept | bottleneck free | one many | single several
layernorm batchnorm | token batch | prefill decode | throughput latency | greedy beam
"""


def stem(word: str) -> str:
    """The word without the commonest endings, so that its forms meet; what is idle or denies stays
    as it is."""
    word = word.casefold()
    if word in IDLE or word in DENIALS:
        return word
    for ending, least in (("ingly", 4), ("ing", 4), ("edly", 4), ("ies", 3), ("ied", 3), ("ed", 4)):
        if word.endswith(ending) and len(word) - len(ending) >= least:
            word = word[: -len(ending)] + ("y" if ending in ("ies", "ied") else "")
            break
    else:
        if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
            word = word[:-1]
        elif word.endswith("ly") and len(word) > 5:
            word = word[:-2]
    if word.endswith("e") and len(word) > 4:
        word = word[:-1]
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    return word


def _counterparts() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in SETS.replace("\n", "|").split("|"):
        stems = {stem(word) for word in line.split()}
        for word in stems:
            found.setdefault(word, set()).update(stems - {word})
    return {word: frozenset(others) for word, others in found.items()}


COUNTERPARTS = _counterparts()
SYMBOLS = {
    "→": " -> ", "⇒": " -> ", "←": " <- ", "≈": " ~ ", "≤": " <= ", "≥": " >= ", "×": " x ",
    "·": " * ", "∞": " infinity ", "−": "-", "–": "-", "—": " - ", "’": "'", "‘": "'", "“": '"',
    "”": '"', "√": " sqrt ", "∝": " proportional to ", "≠": " not equal to ", "²": "^2", "³": "^3",
    "ᵀ": "^T", "∑": " sum ", "∏": " product ", "…": "...",
}  # fmt: skip
COMMANDS = {
    "top": "T", "sqrt": " sqrt ", "frac": " ", "cdot": " * ", "times": " x ", "to": " -> ",
    "rightarrow": " -> ", "infty": " infinity ", "approx": " ~ ", "le": " <= ", "leq": " <= ",
    "ge": " >= ", "geq": " >= ", "ne": " not equal to ", "neq": " not equal to ",
    "propto": " proportional to ",
}  # fmt: skip
NAMING = re.compile(r"\\(?:mathrm|mathbf|mathit|mathcal|mathbb|text|operatorname|left|right)\b")


def plain(text: str) -> str:
    """The text with formulas in letters that the vocabulary has: no LaTeX, no rare symbols."""
    for symbol, written in SYMBOLS.items():
        text = text.replace(symbol, written)
    if "\\" in text:
        text = NAMING.sub("", text)
        text = re.sub(r"\\([A-Za-z]+)", lambda m: COMMANDS.get(m[1], f" {m[1]} "), text)
        text = text.replace("\\", " ")
    text = re.sub(r"[${}`*]{1,2}(?=\S)|(?<=\S)[${}`]{1,2}", "", text)
    text = unicodedata.normalize("NFKC", text)
    return re.sub(r"\s+", " ", text).strip()
