"""The residual stream of the trained translator's decoder, read out after every sublayer.

The output layer is applied to the stream wherever it stands: the logit lens (nostalgebraist 2020).
"""

import torch
from torch import Tensor

from app.labs.illustration import Check, Illustration
from app.labs.parts.translation import heat_map, notes, translate, weights_table
from model.checkpoint import Models
from model.config import Switches
from model.trace import Trace
from model.translator import Translation

PARTS = ("self_attention", "cross_attention", "feed_forward")


@torch.inference_mode()
def read_stream(sentence: str, skips: bool, models: Models) -> Illustration:
    """The decoder's stream from the embedding to the last state, as it translates `sentence`."""
    network, translation = models.translator.network, translate(sentence, models)
    assert network.decoder is not None
    trace: Trace = {}
    switches = Switches(residual=skips)
    network(translation.source_ids, translation.target_ids, trace=trace, switches=switches)
    names = [f"{layer}.{part}" for layer in range(2) for part in PARTS]
    states = [trace["decoder.embedding"]]  # (1, T, C) each
    states += [trace[f"decoder.{name.replace('.', '.residual.')}"] for name in names]
    outputs = [trace[f"decoder.{name}.output"] for name in names]
    words = translation.output_ids  # (T,)
    guesses = network.logits(network.decoder.norm(torch.cat(states)))  # (7, T, V)
    chances = guesses.softmax(dim=-1)[:, torch.arange(len(words)), words]  # (7, T)
    stages = ["embedding"] + [
        f"{part.replace('_', '-')} {layer}" for layer in (1, 2) for part in PARTS
    ]
    figure = heat_map(
        chances,
        stages,
        translation.output_tokens,
        "Probability of each token, read out early",
        ("stream after", "French token"),
    )
    figure.update_layout(coloraxis_colorbar_title_text="probability")
    written = int((guesses[-1].argmax(dim=-1) == words).sum())
    return Illustration(
        figures=(figure,),
        reading=_reading(chances, stages, translation, written),
        checks=_checks(states, outputs, written, len(words)),
        table=weights_table(chances, stages, translation.output_tokens, "stream after ↓"),
        notes=notes(sentence, translation, models),
    )


def _reading(chances: Tensor, stages: list[str], translation: Translation, written: int) -> str:
    means = chances.mean(dim=1)  # (7,)
    jump = int(means.diff().argmax()) + 1
    return (
        f"Read through the output layer wherever it stands (the logit lens), the decoder's stream "
        f"gives the tokens of “{translation.text}” a mean probability of {float(means[0]):.3f} as "
        f"an embedding and of {float(means[-1]):.3f} at the end; the largest step, to "
        f"{float(means[jump]):.3f}, comes with {stages[jump]}. At the end {written} of "
        f"{chances.shape[1]} tokens come out as they were translated."
    )


def _checks(
    states: list[Tensor], outputs: list[Tensor], written: int, tokens: int
) -> tuple[Check, ...]:
    """`states` before, between and after the sublayers that put out `outputs`, (1, T, C) each."""
    steps = zip(states, outputs, states[1:], strict=False)
    apart = max(float((after - before - found).abs().max()) for before, found, after in steps)
    total = states[0] + torch.stack(outputs).sum(dim=0)
    missing = float((states[-1] - total).norm() / total.norm())
    widths = {state.shape[-1] for state in (*states, *outputs)}
    return (
        Check(
            "After every sublayer the stream is what it was before, plus what that put out.",
            f"largest difference in {len(outputs)} additions: {apart:.1e}",
            apart < 1e-4,
        ),
        Check(
            "The last state is the embedding plus what every sublayer put out.",
            f"the two differ by {missing:.1e} of their size",
            missing < 1e-5,
        ),
        Check(
            "Every sublayer puts out vectors as wide as the stream.",
            f"widths of {len(states)} states and {len(outputs)} outputs: "
            + ", ".join(map(str, sorted(widths))),
            len(widths) == 1,
        ),
        Check(
            "The end of the stream writes the translation.",
            f"{written} of {tokens} tokens",
            written == tokens,
        ),
    )
