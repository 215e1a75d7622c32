"""Which sentences of an answer to read for a claim: `python -m model.proposals`, three minutes.

Sentence vectors are alike where two sentences are on the same thing; a grader wants those that
settle the claim, be they for it or against it. One matrix M learns the difference: a sentence s
settles a claim c as far as cᵀ M s is large. It learns from questions outside the bank alone, so
that it has seen none that the grader is measured on.

P claims of a question, N sentences said of it, C channels.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from model.checkpoint import WEIGHTS, CheckpointError
from model.corpus.statements import Topic, read_folds, read_topics
from model.pairs import has_fast_halves
from model.pretrained import SentenceEncoder, load_minilm

PATH = WEIGHTS / "proposals.safetensors"
PASSES, TOGETHER, RATE = 5, 8, 1e-3  # over all questions; questions a step; of Adam, falling to 0
GAIN = 20.0  # what cosines are multiplied with to be logits; learned from there
TOWARDS_ONE = 1e-3  # how strongly M is held to the identity: to likeness as it was
NEVER = -1e9
Question = tuple[Tensor, Tensor, Tensor]  # claims (P, C), sentences (N, C), which settle which


def read_questions(topics: list[Topic], minilm: SentenceEncoder) -> Iterator[Question]:
    """The vectors of every question that has answers, and which sentence makes or denies which
    claim (P, N)."""
    fast = has_fast_halves(minilm.device)
    for topic in topics:
        said = [statement for passage in topic.passages for statement in passage]
        settles = [[s.id in t.makes | t.denies for t in said] for s in topic.subjects]
        if any(map(any, settles)):
            texts = [subject.text for subject in topic.subjects] + [s.text for s in said]
            with torch.autocast(minilm.device.type, torch.bfloat16, enabled=fast):
                vectors = minilm.embed(texts).clone()  # those of an inference have no gradients
            claims = len(topic.subjects)
            yield vectors[:claims], vectors[claims:], torch.tensor(settles)


def learn(questions: list[Question], seed: int = 1) -> Tensor:
    """The matrix M (C, C) that puts what settles a claim before all else said of its question:
    the logistic loss of each that does against all that do not."""
    channels = questions[0][0].shape[1]
    change = nn.Parameter(torch.zeros(channels, channels))
    gain = nn.Parameter(torch.tensor(GAIN))
    optimiser = torch.optim.Adam([{"params": [change], "lr": RATE}, {"params": [gain], "lr": 0.1}])
    random, order = Random(seed), list(questions)
    steps = PASSES * -(-len(order) // TOGETHER)
    pace = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, steps)
    for _ in range(PASSES):
        random.shuffle(order)
        for start in range(0, len(order), TOGETHER):
            some = order[start : start + TOGETHER]
            matrix = torch.eye(channels) + change
            losses = [outrank(gain * (c @ matrix @ s.T), settles) for c, s, settles in some]
            loss = torch.stack(losses).mean() + TOWARDS_ONE * change.square().sum()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            pace.step()
    return (torch.eye(channels) + change).detach()


def outrank(logits: Tensor, settles: Tensor) -> Tensor:
    """How far those that settle a claim are from standing before all that do not: (P, N) -> ()."""
    rivals = logits.masked_fill(settles, NEVER).logsumexp(dim=1, keepdim=True)  # (P, 1)
    return F.softplus(rivals - logits)[settles].mean()


def load_proposals(path: Path = PATH) -> Tensor:
    """The matrix M (C, C) in `path`; CheckpointError names a file that is missing or damaged."""
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: `python -m model.proposals` makes it anew")
    try:
        return load_file(path)["matrix"].float()
    except (SafetensorError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error


def main() -> None:
    """Learn M from what is outside every fold, and write it."""
    from model.tasks.grader import hold_out  # what trains is not loaded where it is used

    minilm = load_minilm()
    topics = hold_out(read_topics(), frozenset().union(*read_folds()), minilm)
    matrix = learn(list(read_questions(topics, minilm)))
    save_file({"matrix": matrix.half()}, PATH)


if __name__ == "__main__":
    main()
