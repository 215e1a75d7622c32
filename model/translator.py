"""The translator: sentences in, sentences out, with the ids and tokens that a closer look needs."""

import re
import unicodedata
from dataclasses import dataclass

import torch
from torch import Tensor

from model.checkpoint import Checkpoint
from model.corpus import LANGUAGES, Language
from model.decode import greedy
from model.tokenizer import Tokenizer

CONTRACTIONS = {"won't": "will not", "can't": "can not", "cannot": "can not"}
QUESTIONS = {
    "en": "who what why when where is are was were am do does did will can must".split(),
    "fr": "qui que qu' pourquoi quand où est-ce".split(),
    "es": "¿ quién qué por cuándo dónde".split(),
}


@dataclass(frozen=True)
class Translation:
    """A translation and how it was made. S source tokens, T target tokens."""

    source_ids: Tensor  # (1, S), beginning with the tag of the target language
    target_ids: Tensor  # (1, T), what the decoder reads: BOS, then all but the last of output_ids
    output_ids: Tensor  # (T,), what is predicted at each of those places; the last is EOS
    source_tokens: list[str]
    target_tokens: list[str]
    output_tokens: list[str]
    text: str
    complete: bool  # False: the limit cut it before its end


class Translator:
    """The trained encoder-decoder with its tokenizer. `network` is at hand for a closer look."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        assert checkpoint.tokenizer is not None
        self.network = checkpoint.network
        self.tokenizer: Tokenizer = checkpoint.tokenizer
        self.details = checkpoint.details
        self.known = {name: frozenset(words) for name, words in self.details["words"].items()}
        self.device = next(self.network.parameters()).device

    @property
    def limit(self) -> int:
        """The most tokens of a sentence; the tag takes one place besides."""
        return self.network.config.limit - 1

    def encode(self, sentence: str, target: Language, source: Language = "en") -> Tensor:
        """The ids (1, S) of a sentence as a person types it, behind the tag of the target language.
        ValueError, with both numbers, if it is empty or too long."""
        for language in (target, source):
            if language not in LANGUAGES:
                raise ValueError(f"no language {language}: there are {', '.join(LANGUAGES)}")
        if not isinstance(sentence, str):
            raise ValueError(f"a {type(sentence).__name__}, where a sentence is needed")
        words = tidy(sentence, source)
        ids = self.tokenizer.encode(words) if words else []
        if not 1 <= len(ids) <= self.limit:
            raise ValueError(
                f"the sentence has {len(ids)} tokens; write 1 to {self.limit} of them, please"
            )
        tag = self.tokenizer.identity(f"<{target}>")
        return torch.tensor([[tag, *ids]], device=self.device)  # (1, S)

    def translate(
        self, sentence: str, target: Language = "fr", source: Language = "en"
    ) -> Translation:
        """The likeliest translation, token by token. ValueError as in `encode`."""
        source_ids = self.encode(sentence, target, source)
        with torch.inference_mode():
            memory = self.network.encode(source_ids)  # (1, S, C)
        start = torch.tensor([[self.tokenizer.bos]], device=self.device)  # (1, 1)
        decoded = greedy(self.network, start, end=self.tokenizer.eos, source=memory)[0]
        return self.describe(source_ids, decoded.ids, sentence, target)

    def describe(
        self, source_ids: Tensor, output: list[int], sentence: str, target: Language
    ) -> Translation:
        """The translation of `source_ids` (1, S) into `output`, whichever way that was found."""
        target_ids = [self.tokenizer.bos, *output[:-1]]
        return Translation(
            source_ids=source_ids,
            target_ids=torch.tensor([target_ids], device=self.device),  # (1, T)
            output_ids=torch.tensor(output, device=self.device),  # (T,)
            source_tokens=self.tokenizer.pieces(source_ids[0].tolist()),
            target_tokens=self.tokenizer.pieces(target_ids),
            output_tokens=self.tokenizer.pieces(output),
            text=restore_names(join(self.tokenizer.decode(output), target), sentence),
            complete=output[-1] == self.tokenizer.eos,
        )

    def unseen_words(self, sentence: str, source: Language = "en") -> list[str]:
        """The words that training never showed; they are read in pieces, and best guessed at."""
        known = self.known[source]
        return [word for word in tidy(sentence, source).split() if word not in known]


def tidy(sentence: str, language: Language) -> str:
    """A sentence as a person types it, as the corpus writes it: lower case, marks and elided words
    apart, no contractions, a stop at the end. Empty if there is nothing to say."""
    text = unicodedata.normalize("NFC", sentence).lower().replace("’", "'")
    if language == "en":
        for short, long in CONTRACTIONS.items():
            text = re.sub(rf"\b{short}\b", long, text)
        text = re.sub(r"n't\b", " not", text)
    if language == "fr":
        text = re.sub(r"\b(l|d|n|j|qu|s|m|t|c)'\s*", r"\1' ", text)
    words = re.sub(r"([.?!,;:¿¡])", r" \1 ", text).replace("!", ".").replace("¡", "").split()
    if not words or set(words) <= set(".?,;:¿"):
        return ""
    if words[-1] not in ".?":
        words.append("?" if words[0] in QUESTIONS[language] else ".")
    if language == "es" and words[-1] == "?" and words[0] != "¿":
        words.insert(0, "¿")
    return " ".join(words)


def join(words: str, language: Language) -> str:
    """Words of the corpus as one writes them: marks closed up, a capital to begin with."""
    text = re.sub(r"' ", "'", words).replace("¿ ", "¿").replace(" .", ".")
    if language != "fr":  # French keeps the space before its question mark
        text = text.replace(" ?", "?")
    if language == "en":
        text = re.sub(r"\bi\b", "I", text)
    first = next((i for i, letter in enumerate(text) if letter.isalpha()), 0)
    return text[:first] + text[first : first + 1].upper() + text[first + 1 :]


def restore_names(text: str, sentence: str) -> str:
    """The capitals of names that were copied from the sentence."""
    for name in re.findall(r"(?<=\s)[A-Z]\w+", sentence):
        text = re.sub(rf"\b{re.escape(name.lower())}\b", name, text)
    return text
