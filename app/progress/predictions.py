"""Predictions made in labs before looking: right or wrong, by the topic the lab serves most."""

from collections import Counter
from dataclasses import dataclass

from app.progress.exhibit import in_percent
from app.progress.history import History
from app.progress.intervals import wilson
from app.question import TOPICS


@dataclass(frozen=True, slots=True)
class Foreseen:
    topic: str  # "other" for a lab that serves no question
    right: int
    count: int
    low: float
    high: float


def measure(history: History) -> list[Foreseen]:
    right: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for prediction in history.predictions:
        topic = _topic(history, prediction.lab)
        count[topic] += 1
        right[topic] += prediction.choice == prediction.outcome
    return [
        Foreseen(topic, right[topic], count[topic], *wilson(right[topic], count[topic]))
        for topic in (*TOPICS, "other")
        if count[topic]
    ]


def _topic(history: History, lab: str) -> str:
    served = Counter(question.topic for question in history.bank.serving(lab))
    return served.most_common(1)[0][0] if served else "other"


def said(topics: list[Foreseen]) -> str:
    """The predictions in one sentence."""
    if not topics:
        return ""
    count, right = sum(row.count for row in topics), sum(row.right for row in topics)
    worst = min(topics, key=lambda row: (row.right / row.count, -row.count))
    sentence = (
        f"Of {count:,} predictions in labs {right:,} came out right ({in_percent(right / count)})"
    )
    if len(topics) > 1:
        sentence += f", least often in {worst.topic} ({worst.right} of {worst.count})"
    return sentence + "."
