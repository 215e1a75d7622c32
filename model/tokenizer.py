"""Text to token ids and back, exactly: byte pairs that often stand together become one token.

A word and the space before it are cut apart first, then pieces grow from single bytes by the merges
that the corpus taught (Sennrich et al. 2016). Every byte is a token too, so that any text encodes
and comes back the same, whatever script or emoji it holds.
"""

import re
from collections.abc import Iterable
from random import Random

from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as Base

PAD, BOS, EOS = "<pad>", "<bos>", "<eos>"
WORDS = r" ?[^\s]+|\s+(?=\s[^\s])|\s+"  # a word takes along the one space before it


def byte_letters() -> dict[str, int]:
    """The letter that byte-level BPE writes for every byte: itself where it is visible."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    letters = {chr(byte): byte for byte in visible}
    return letters | {chr(256 + i): byte for i, byte in enumerate(hidden)}


BYTES = byte_letters()


class Tokenizer:
    """A trained vocabulary. Special tokens never arise from text: `<bos>` typed is five letters."""

    def __init__(self, base: Base, special: tuple[str, ...]) -> None:
        self.base = base
        self.special = special
        self.pad, self.bos, self.eos = (self.identity(name) for name in (PAD, BOS, EOS))

    @classmethod
    def train(cls, texts: Iterable[str], *, size: int, tags: tuple[str, ...] = ()) -> "Tokenizer":
        """A vocabulary of `size` from `texts`, with PAD, BOS, EOS and `tags` in front."""
        special = (PAD, BOS, EOS, *tags)
        base = Base(models.BPE())
        base.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(WORDS), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        base.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size - len(special),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        base.train_from_iterator((" " + text for text in texts), trainer)
        return cls(base, special)

    @classmethod
    def load(cls, text: str, special: tuple[str, ...]) -> "Tokenizer":
        """The tokenizer that `dump` wrote."""
        return cls(Base.from_str(text), special)

    def dump(self) -> str:
        """All that the tokenizer is, as JSON."""
        return str(self.base.to_str())

    def __len__(self) -> int:
        """V, the size of the vocabulary."""
        return int(self.base.get_vocab_size()) + len(self.special)

    def identity(self, special: str) -> int:
        """The id of a special token; ValueError if there is none of that name."""
        if special not in self.special:
            raise ValueError(f"no special token {special}: there are {', '.join(self.special)}")
        return self.special.index(special)

    def encode(self, text: str) -> list[int]:
        """The ids of `text`; ValueError if it is none."""
        if not isinstance(text, str):
            raise ValueError(f"a {type(text).__name__}, where a text is needed")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"no valid text: half a character at {error.start}") from error
        ids = self.base.encode(" " + text, add_special_tokens=False).ids
        return [i + len(self.special) for i in ids]

    def encode_cut(self, text: str, random: Random) -> list[int]:
        """The ids of `text` with three words in ten cut in two at a random letter, so that pieces
        of words get trained too; the same for the same `random`. After BPE-dropout, Provilkov et
        al. 2020, whose own random numbers cannot be seeded here."""
        ids = []
        for word in re.findall(r" [^ ]*", " " + text):
            cut = random.randrange(2, len(word)) if len(word) > 2 and random.random() < 0.3 else 0
            for part in (word[:cut], word[cut:]):
                ids += self.base.encode(part, add_special_tokens=False).ids
        return [i + len(self.special) for i in ids]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`; special tokens leave no trace."""
        inner = [i - len(self.special) for i in ids if i >= len(self.special)]
        return str(self.base.decode(inner, skip_special_tokens=False))[1:]

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """Every id for a human reader, as on an axis: a piece inside a word begins with `·`."""
        return [self.piece(i) for i in ids]

    def piece(self, identity: int) -> str:
        """One id for a human reader."""
        if identity < len(self.special):
            return self.special[identity]
        text = str(self.base.decode([identity - len(self.special)], skip_special_tokens=False))
        if text == " ":
            return "␣"
        if "\ufffd" in text:  # part of a character
            raw = self.base.id_to_token(identity - len(self.special)) or ""
            text = "".join(f"<{BYTES[letter]:02x}>" for letter in raw)
        return text[1:] if text.startswith(" ") else "·" + text
