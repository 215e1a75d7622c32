"""Training the grader: MiniLM's encoder learns whether a sentence makes a claim or denies it.

In two courses. The first learns to read, from claims outside the bank and from questions that are
measured nowhere; the second, which starts from it, learns the bank. B batch.
"""

from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from model.checkpoint import Checkpoint, choose_device
from model.corpus.examples import NOT_DENIED, Example, Examples
from model.corpus.statements import HERE, QUESTIONS, Topic, read_folds, read_topics
from model.pairs import (
    MADE,
    NEITHER,
    READERS,
    PairClassifier,
    Words,
    has_fast_halves,
    load_classifier,
    save_pairs,
    start_from,
)
from model.pretrained import SentenceEncoder, load_minilm
from model.train import STATE, run
from model.transformer import Transformer

POOL = 10  # batches drawn together, so that pairs of one length meet
NEAR = 0.72  # two claims whose sentence vectors are nearer than this ask for the same


class Course:
    """A pair classifier learning from all but what `without` names and all that is near it."""

    rate: float
    shares: tuple[int, int, int, int]
    batch = 32

    def __init__(self, seed: int, steps: int, without: frozenset[str], questions: Path) -> None:
        self.seed, self.steps, self.questions = seed, steps, questions
        self.minilm = load_minilm()
        topics = read_topics(questions, HERE)
        self.examples = Examples(hold_out(topics, without, self.minilm), self.shares)
        self.words = Words(self.minilm.tokenizer)
        self.pools: dict[int, list[list[Example]]] = {}

    def build(self) -> Checkpoint:
        """MiniLM's layers, all to be trained; its vocabulary and positions, as they are."""
        torch.manual_seed(self.seed)
        return Checkpoint(start_from(self.minilm), None, {})

    def loss(self, network: Transformer, step: int) -> Tensor:
        """Cross-entropy of made, denied and neither; the readers learn in turns, each from pairs
        of its own."""
        assert isinstance(network, PairClassifier)
        examples = self.draw(step)
        device = next(network.parameters()).device
        ids, marks = self.words.batch([pair for pair, _ in examples])
        labels = torch.tensor([label for _, label in examples], device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_fast_halves(device)):
            logits = network.classify(ids.to(device), marks.to(device), step % READERS)
        return judge(logits.float(), labels)

    def draw(self, step: int) -> list[Example]:
        """The examples of a step, all about equally long."""
        number, place = divmod(step, POOL)
        if number not in self.pools:
            random = Random(self.seed * 1_000_000 + number)
            pool = [self.examples.draw(random) for _ in range(POOL * self.batch)]
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


class FirstCourse(Course):
    """The first course, without any question of any fold: all classifiers start from it."""

    rate = 1.5e-4
    shares = (10, 2, 7, 2)

    def __init__(self, *, seed: int = 1, steps: int = 75_000, questions: Path = QUESTIONS) -> None:
        super().__init__(seed, steps, frozenset().union(*read_folds()), questions)


class Grader(Course):
    """The second course, from where the first one ended; that is kept in `state`, and is made if it
    is not there."""

    rate = 1e-4
    shares = (6, 3, 5, 2)

    def __init__(
        self,
        *,
        seed: int = 2,
        steps: int = 4_000,
        without: frozenset[str] = frozenset(),
        questions: Path = QUESTIONS,
        state: Path = STATE,
    ) -> None:
        super().__init__(seed, steps, without, questions)
        self.state = state

    def build(self) -> Checkpoint:
        """The classifier after the first course."""
        path = self.state / "grader-first.safetensors"
        if not path.is_file():
            first = FirstCourse(questions=self.questions)
            checkpoint = first.build()
            checkpoint.network.to(choose_device("auto"))
            run(first, checkpoint.network, path.with_suffix(".pt"))
            first.save(path, checkpoint)
        return Checkpoint(load_classifier(path, self.minilm), None, {})


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
