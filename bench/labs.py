"""What a request may ask of each lab: milliseconds of processor time at its defaults and at the
worst corner of its bounds, and the memory that takes at its peak. `make bench NAME=labs`.

The corner is sought control by control: of each, the choice or bound that takes longest, with what
was chosen for those before it; then once more. Each lab has a process of its own, and one thread.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch

from app.labs import LABS
from app.labs.illustration import Lab, UnfitInput
from model.checkpoint import Models

LIMITS = {"seconds": 2.0, "megabytes": 512}
REPEATS = 3
WORDS = "The red car is not old and my sister sees a small dog in the big garden".split()
PAGE = os.sysconf("SC_PAGESIZE")


def main() -> None:
    """A row for each lab, or those named; with `--one NAME`, what a child measures, as JSON."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(LABS[sys.argv[2]])))
        return
    print(f"{'lab':24}{'default ms':>11}{'worst ms':>10}{'peak MB':>9}  worst corner")
    for name in sys.argv[1:] or LABS:
        command = [sys.executable, "-m", "bench.labs", "--one", name]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        over = found["worst"] > LIMITS["seconds"] or found["peak"] > LIMITS["megabytes"]
        print(
            f"{name:24}{1000 * found['default']:11.0f}{1000 * found['worst']:10.0f}"
            f"{found['peak']:9.0f}  {found['corner']}{'  OVER THE LIMIT' if over else ''}",
            flush=True,
        )


def measure(lab: Lab) -> dict[str, Any]:
    """Seconds at the defaults and at the worst corner, the corner, and its megabytes."""
    torch.set_num_threads(1)
    models = Models(device="cpu")
    take(lab, models, {})  # the weights are read once
    before = resident()
    corner = seek(lab, models)
    worst = statistics.median(take(lab, models, corner) for _ in range(REPEATS))
    default = statistics.median(take(lab, models, {}) for _ in range(REPEATS))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    return {"default": default, "worst": worst, "peak": peak / 1e6, "corner": corner}


def seek(lab: Lab, models: Models) -> dict[str, Any]:
    """The corner of the bounds that takes longest, as far as one control at a time finds it."""
    corner: dict[str, Any] = {}
    for _ in range(2):
        for name, field in lab.schema["properties"].items():
            times = {}
            for value in candidates(field):
                try:
                    times[value] = take(lab, models, {**corner, name: value})
                except UnfitInput:
                    continue
            if times:
                corner[name] = max(times, key=lambda value: times[value])
    return {
        name: value
        for name, value in corner.items()
        if value != lab.schema["properties"][name]["default"]
    }


def candidates(field: dict[str, Any]) -> list[Any]:
    """What a control may hold: its choices, its bounds, or texts that get shorter."""
    if "enum" in field:
        return list(field["enum"])
    if "maximum" in field:
        return [field["default"], field["minimum"], field["maximum"]]
    limit = field["maxLength"]
    texts = [" ".join((WORDS * 20)[:count]) + "." for count in (128, 96, 62, 48, 32, 24, 16)]
    return [field["default"], *(text for text in texts if len(text) <= limit)]


def take(lab: Lab, models: Models, params: dict[str, Any]) -> float:
    """Seconds of processor time of one run."""
    start = time.thread_time()
    lab.illustrate(lab.params.model_validate(params), models)
    return time.thread_time() - start


def resident() -> int:
    """Bytes of memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


if __name__ == "__main__":
    main()
