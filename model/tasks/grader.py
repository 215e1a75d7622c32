"""Training the grader: MiniLM's encoder learns whether a sentence makes a claim or denies it.

Most pairs set a sentence against the points of its own question, of which it makes one and not its
neighbours: how a good answer sounds tells nothing about them. B batch.
"""

from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from model.checkpoint import Checkpoint
from model.corpus import alter
from model.corpus.statements import (
    HERE,
    QUESTIONS,
    Statement,
    Subject,
    Topic,
    read_folds,
    read_topics,
)
from model.pairs import Pair, PairClassifier, Words, has_fast_halves, save_pairs, start_from
from model.pretrained import SentenceEncoder, load_minilm
from model.transformer import Transformer

MADE, DENIED, NEITHER, NOT_DENIED = range(4)
SHARED = 1_100  # steps on what is in no fold; the same for every fold and for the shipped weights
POOL = 10  # batches drawn together, so that pairs of one length meet
NEAR = 0.72  # two claims whose sentence vectors are nearer than this ask for the same
Example = tuple[Pair, int]


class Grader:
    """The pair classifier; what `without` names, and all that is near it, is left out."""

    rate = 1.5e-4

    def __init__(
        self,
        *,
        seed: int = 1,
        steps: int = 1_800,
        without: frozenset[str] = frozenset(),
        questions: Path = QUESTIONS,
        corpus: Path = HERE,
    ) -> None:
        self.seed, self.steps, self.batch = seed, steps, 32
        self.minilm = load_minilm()
        topics = read_topics(questions, corpus)
        in_folds = frozenset().union(*read_folds())
        self.shared = Examples(hold_out(topics, in_folds, self.minilm))
        self.examples = Examples(hold_out(topics, without, self.minilm))
        self.words = Words(self.minilm.tokenizer)
        self.pools: dict[int, list[list[Example]]] = {}

    def build(self) -> Checkpoint:
        """MiniLM's layers, all to be trained; its vocabulary and positions, as they are."""
        torch.manual_seed(self.seed)
        return Checkpoint(start_from(self.minilm), None, {})

    def loss(self, network: Transformer, step: int) -> Tensor:
        """Cross-entropy of made, denied and neither."""
        assert isinstance(network, PairClassifier)
        examples = self.draw(step)
        device = next(network.parameters()).device
        ids, marks = self.words.batch([pair for pair, _ in examples])
        labels = torch.tensor([label for _, label in examples], device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_fast_halves(device)):
            logits = network.classify(ids.to(device), marks.to(device))
        return judge(logits.float(), labels)

    def draw(self, step: int) -> list[Example]:
        """The examples of a step, all about equally long."""
        number, place = divmod(step, POOL)
        if number not in self.pools:
            random = Random(self.seed * 1_000_000 + number)
            examples = self.shared if number < SHARED // POOL else self.examples
            pool = [examples.draw(random) for _ in range(POOL * self.batch)]
            pool.sort(key=lambda example: sum(map(len, example[0])))
            batches = [pool[i : i + self.batch] for i in range(0, len(pool), self.batch)]
            random.shuffle(batches)
            self.pools = {number: batches}
        return self.pools[number][place]

    def save(self, path: Path, checkpoint: Checkpoint) -> None:
        """Write what is not MiniLM's own, at half the precision."""
        assert isinstance(checkpoint.network, PairClassifier)
        save_pairs(path, checkpoint.network)

    def measure(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """Nothing by itself: bench/grader.py measures, with models that did not see a question."""
        return {"topics": len(self.examples.topics)}


def judge(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of logits (B, 3); where all that is known is that the claim is not
    denied, made and neither are both right. Labels are smoothed a little."""
    logs = F.log_softmax(logits, dim=-1)
    known = labels != NOT_DENIED
    exact = F.cross_entropy(
        logits, labels.masked_fill(~known, 0), reduction="none", label_smoothing=0.05
    )
    either = -torch.logaddexp(logs[:, MADE], logs[:, NEITHER])
    return torch.where(known, exact, either).mean()


def hold_out(topics: list[Topic], without: frozenset[str], minilm: SentenceEncoder) -> list[Topic]:
    """The topics but for those named in `without`, and of the others' claims none that is near one
    of theirs."""
    left_out = [s.text for topic in topics if topic.name in without for s in topic.subjects]
    kept = [topic for topic in topics if topic.name not in without]
    if not left_out:
        return kept
    texts = [subject.text for topic in kept for subject in topic.subjects]
    nearest = (minilm.embed(texts) @ minilm.embed(left_out).T).amax(dim=1).tolist()  # (N,)
    near = iter([likeness > NEAR for likeness in nearest])
    return [drop(topic, {s.id for s in topic.subjects if next(near)}) for topic in kept]


def drop(topic: Topic, ids: set[str]) -> Topic:
    """The topic without some of its claims, and without the sentences that make or deny them."""
    subjects = [subject for subject in topic.subjects if subject.id not in ids]
    passages = [
        [s for s in passage if not (s.makes | s.denies) & ids] for passage in topic.passages
    ]
    return Topic(topic.name, topic.asks, subjects, passages)


class Examples:
    """Draws pairs with their labels from topics."""

    def __init__(self, topics: list[Topic]) -> None:
        self.topics = [topic for topic in topics if topic.subjects]
        self.written = [topic for topic in self.topics if any(topic.passages)]
        self.bank = [topic for topic in self.topics if not topic.subjects[0].neither]
        self.others = [topic for topic in self.topics if topic.subjects[0].neither]
        self.ways = [(self.from_passage, 46), (self.from_wordings, 24), (self.altered, 16)]
        self.ways += [(self.from_others, 14)] if self.others else []

    def draw(self, random: Random) -> Example:
        """One pair and its label."""
        ways, weights = zip(*self.ways, strict=True)
        while True:
            [way] = random.choices(ways, weights)
            example: Example | None = way(random)
            if example is not None:
                return self.blur(example, random)

    def blur(self, example: Example, random: Random) -> Example:
        """The pair as a hurried candidate types it, at times."""
        pair, label = example
        if random.random() < 0.15:
            pair = pair._replace(passage=alter.mistype(pair.passage, random))
        return pair, label

    def from_passage(self, random: Random) -> Example | None:
        """A sentence, or two in a row, of an answer written for training."""
        if not self.written:
            return None
        topic = random.choice(self.written)
        passage = random.choice([passage for passage in topic.passages if passage])
        place = random.randrange(len(passage))
        sentence = passage[place]
        if random.random() < 0.2 and place + 1 < len(passage):
            sentence = join(sentence, passage[place + 1], random)
        elif random.random() < 0.08:
            other = random.choice(random.choice(self.written).passages[0] or passage)
            sentence = join(sentence, Statement(other.text), random)
        subject, label = self.choose(topic, sentence, random)
        if subject is None:
            return None
        before = sentence.before if random.random() < 0.4 else ""
        claim, label = self.reword(subject, label, random)
        return Pair(claim, sentence.text, before), label

    def choose(
        self, topic: Topic, sentence: Statement, random: Random
    ) -> tuple[Subject | None, int]:
        """One of the claims of the topic, as often one that the sentence is about as not."""
        about = [s for s in topic.subjects if s.id in sentence.makes | sentence.denies]
        rest = [s for s in topic.subjects if s.id not in sentence.makes | sentence.denies]
        subjects = about if about and (random.random() < 0.6 or not rest) else rest
        if not subjects:
            return None, NEITHER
        subject = random.choice(subjects)
        if subject.id in sentence.makes & sentence.denies:
            return None, NEITHER
        made, denied = subject.id in sentence.makes, subject.id in sentence.denies
        return subject, MADE if made else DENIED if denied else NEITHER

    def reword(self, subject: Subject, label: int, random: Random) -> tuple[str, int]:
        """The claim, or a wording of it; or its contrary, with the label turned round."""
        chance = random.random()
        if chance < 0.2 and subject.says:
            return random.choice(subject.says), label
        if chance < 0.28 and label == MADE and subject.denies:
            return random.choice(subject.denies), DENIED
        if chance < 0.36 and label == NEITHER and subject.denies:
            return random.choice(subject.denies), NEITHER
        return subject.text, label

    def from_wordings(self, random: Random) -> Example | None:
        """One of the bank's own wordings, for or against a point."""
        topic = random.choice(self.bank)
        subject = random.choice(topic.subjects)
        made = random.random() < 0.5
        passage = random.choice(subject.says if made else subject.denies)
        if random.random() < 0.35:
            others = [other for other in topic.subjects if other is not subject]
            if random.random() < 0.15:
                others = random.choice(self.bank).subjects
            if not others:
                return None
            claim, label = self.reword(random.choice(others), NEITHER, random)
            return Pair(claim, passage), label
        claim, label = self.reword(subject, MADE if made else DENIED, random)
        return (Pair(claim, passage), label) if claim != passage else None

    def from_others(self, random: Random) -> Example | None:
        """A claim outside the bank."""
        topic = random.choice(self.others)
        subject = random.choice(topic.subjects)
        label = random.choices((MADE, DENIED, NEITHER), (4, 3, 4))[0]
        passages = (subject.says, subject.denies, subject.neither)[label]
        if label == NEITHER and random.random() < 0.3:
            other = random.choice(topic.subjects)
            passages = other.says + other.denies if other is not subject else ()
        if not passages:
            return None
        passage = random.choice(passages)
        claim, label = self.reword(subject, label, random)
        return (Pair(claim, passage), label) if claim != passage else None

    def altered(self, random: Random) -> Example | None:
        """A pair that is known by how it was made."""
        topic = random.choice(self.topics)
        subject = random.choice(topic.subjects)
        if not subject.says or not subject.denies:
            return None
        says, denies = random.choice(subject.says), random.choice(subject.denies)
        makes = random.choice((subject.text, says))
        kind = random.choices(range(9), (4, 3, 2, 3, 2, 3, 4, 2, 3))[0]
        if kind in (0, 1, 2):
            change = (alter.swap_roles, alter.flip, alter.negate)[kind]
            changed = change(subject.text, random)
            if changed is None:
                return None
            if random.random() < 0.5:
                return Pair(changed, makes), DENIED
            return Pair(subject.text, changed), DENIED
        if kind == 3:
            return Pair(subject.text, alter.wrap(makes, alter.REFUSED, random)), DENIED
        if kind == 4:
            return Pair(subject.text, alter.wrap(denies, alter.REFUSED, random)), NOT_DENIED
        if kind == 5:
            upheld = random.random() < 0.6
            text = alter.wrap(makes if upheld else denies, alter.UPHELD, random)
            return Pair(subject.text, text), MADE if upheld else DENIED
        if kind == 6:
            text = alter.mention(f"{subject.text} {says}", random) or subject.id
            return Pair(subject.text, text), NEITHER
        if kind == 7:
            return Pair(subject.text, alter.wrap(makes, alter.ASKED, random)), NEITHER
        other = random.choice(random.choice(self.topics).subjects)
        passage = topic.asks if random.random() < 0.4 else other.text
        return (Pair(subject.text, passage), NEITHER) if other is not subject else None


def join(one: Statement, other: Statement, random: Random) -> Statement:
    """Two sentences in one: what the second says of a claim is the last word on it."""
    link = random.choice((" ", " ", ", and ", "; ", ", but "))
    first = one.text if link == " " else one.text.rstrip(".")
    makes = (one.makes - other.denies) | other.makes
    denies = (one.denies - other.makes) | other.denies
    return Statement(first + link + other.text, one.before, makes, denies)
