"""Trains any of the models from scratch: `python -m model.train translator`.

The same seed draws the same examples in the same order, also when a run is taken up again where it
was stopped: a step's examples depend on its number alone. Weights and figures go to model/weights,
what is needed to go on to .data/train.
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch.optim import AdamW
from tqdm import trange

from model.checkpoint import WEIGHTS, choose_device, save
from model.tasks import Task, tasks
from model.transformer import Transformer

STATE = Path(".data/train")
WARM_UP = 300
KEEP_EVERY = 250


def train(
    name: str,
    *,
    folder: Path = WEIGHTS,
    state: Path = STATE,
    device: str = "auto",
    half: bool = False,
    **settings: Any,
) -> dict[str, Any]:
    """Train the model called `name` with its task's `settings`, save it to `folder` and return its
    figures. ValueError if there is no such model."""
    if name not in tasks():
        raise ValueError(f"no model {name} to train: there are {', '.join(tasks())}")
    task = tasks()[name](**settings)
    checkpoint = task.build()
    network = checkpoint.network.to(choose_device(device))
    kept = state / f"{name}.pt"
    losses, seconds = run(task, network, kept, half=half)
    network.eval()
    report = {
        "figures": task.measure(checkpoint),
        "parameters": sum(weights.numel() for weights in network.parameters()),
        "steps": task.steps,
        "seconds": round(seconds),
        "device": str(choose_device(device)),
        "half": half,
        "threads": torch.get_num_threads(),
        "losses": losses,
    }
    write = getattr(task, "save", save)  # the grader shares most of its weights with MiniLM
    write(folder / f"{name}.safetensors", checkpoint)
    text = json.dumps(report, indent=1, ensure_ascii=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    kept.unlink(missing_ok=True)
    return report


def run(
    task: Task, network: Transformer, kept: Path, *, half: bool = False, until: int | None = None
) -> tuple[list[list[float]], float]:
    """Every step that is still to do, or those before step `until`; the losses as [step, mean], and
    the seconds."""
    end = task.steps if until is None else until
    weights = network.parameters()
    optimiser = AdamW(weights, lr=task.rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    start, losses, seconds = 0, [], 0.0
    if kept.is_file():
        saved = torch.load(kept, weights_only=True)
        start, losses, seconds = saved["step"], saved["losses"], saved["seconds"]
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
    network.train()
    recent: list[float] = []
    began = time.perf_counter() - seconds
    for step in (bar := trange(start, end, initial=start, total=end, mininterval=5)):
        recent.append(take_step(task, network, optimiser, step, half=half))
        if (step + 1) % KEEP_EVERY == 0 or step + 1 == end:
            losses.append([step + 1, round(sum(recent) / len(recent), 4)])
            recent = []
            bar.set_postfix(loss=losses[-1][1])
            seconds = time.perf_counter() - began
            keep(kept, network, optimiser, {"step": step + 1, "losses": losses, "seconds": seconds})
    return losses, seconds


def take_step(
    task: Task, network: Transformer, optimiser: AdamW, step: int, *, half: bool = False
) -> float:
    """One step down the gradient, no longer than norm 1; the loss before it. With `half`, products
    of matrices are in bfloat16; the weights stay as they are."""
    torch.manual_seed(step)  # for dropout: the same after a stop as without
    for group in optimiser.param_groups:
        group["lr"] = task.rate * pace(step, task.steps)
    with torch.autocast(next(network.parameters()).device.type, torch.bfloat16, enabled=half):
        loss = task.loss(network, step)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def pace(step: int, steps: int) -> float:
    """The share of the highest learning rate: up in a straight line, down along a cosine."""
    warm_up = min(WARM_UP, steps // 10 + 1)
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return 0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2


def keep(kept: Path, network: Transformer, optimiser: AdamW, progress: dict[str, Any]) -> None:
    """Write all that is needed to go on, at once or not at all."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(".partial")
    states = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save({**states, **progress}, partial)
    partial.replace(kept)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(tasks())}")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--half", action="store_true", help="bfloat16, where it is faster")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    settings = {"steps": chosen.steps} if chosen.steps else {}
    for name in chosen.names or tasks():
        report = train(name, device=chosen.device, half=chosen.half, **settings)
        del report["losses"]
        print(name, json.dumps(report, indent=1, ensure_ascii=False))  # noqa: T201


if __name__ == "__main__":
    main()
