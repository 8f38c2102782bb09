"""`leadline adapt`: a network learns from a camera's own recordings, without truth."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from leadline.apps.cli.batch import say
from leadline.apps.cli.extras import needs_extra
from leadline.apps.cli.words import with_options
from leadline.io.pair_files import search_pairs
from leadline.results.stereo import SUMMARY_FILE, refuse_existing, versions, whole_result, write_json

_MODEL_FILE: Final = "adapted.onnx"


def adapt(
    pairs: str,
    right: str | None = None,
    /,
    *,
    output: Path,
    model: str = "leadline-fast",
    steps: int = 100,
    holdout: float = 0.2,
    learning_rate: float = 2e-4,
    rehearsed: int = 60,
    seed: int = 1,
    overwrite: bool = False,
) -> None:
    """Adapt a network to a camera by its own rectified recordings, of which no depth is known.

    It learns from a classical matcher where both views confirm what that found, and elsewhere from what it says itself
    of larger images; in turn it rehearses rendered pairs, lest it unlearn other scenes. Pairs that are held back judge
    the result: if they are explained worse than before, the old network is kept, and the command says so. The output
    folder gets adapted.onnx, which `--model` takes, and summary.json.

    Args:
        pairs: Folder that holds left/ and right/ with equally many images, or folders of im0.png and im1.png, or
            .mpo and .jps files; or, with RIGHT, a folder or quoted pattern of left images.
        right: Folder or quoted pattern of right images.
        output: Output folder.
        model: leadline-fast, leadline-accurate, an ONNX file exported from a LeadlineFast, or a checkpoint (.ckpt).
        steps: Optimiser steps.
        holdout: Share of the pairs that judge and are not learned from.
        learning_rate: Largest step of a weight.
        rehearsed: Rendered pairs with truth, rendered first; 0 for none.
        seed: Of the order of pairs and the crops.
        overwrite: Replace an earlier result.
    """
    refuse_existing(output, (_MODEL_FILE, SUMMARY_FILE), overwrite)
    with needs_extra("train"):
        from leadline.export.onnx import export_network
        from leadline.training.stereo.adapt import AdaptOptions, load_trainable
        from leadline.training.stereo.adapt import adapt as fine_tune
    options = AdaptOptions(steps=steps, holdout=holdout, learning_rate=learning_rate, rehearsed=rehearsed, seed=seed)
    found = search_pairs(pairs, right)
    say(f"note: {with_options(line)}" for line in found.notes)
    network = load_trainable(model)
    adapted = fine_tune(network, found.pairs, options, output)
    with whole_result(output, (_MODEL_FILE, SUMMARY_FILE)) as place:
        parity_px = export_network(adapted.inference, "stereo", place / _MODEL_FILE)
        summary: Mapping[str, Any] = {
            "model": model,
            "improved": adapted.improved,
            "score_before": adapted.before,
            "scores": {str(step): score for step, score in adapted.scores.items()},
            "score": "census difference of both views of the held-back pairs, 0.5 where they disagree; lower is better",
            "learned_from": list(adapted.learned),
            "held_back": list(adapted.held_back),
            "options": asdict(options),
            "parity_px": parity_px,
            "versions": versions(),
        }
        write_json(place / SUMMARY_FILE, summary)
    best = min(adapted.scores.values())
    told = f"{adapted.before:.4f} before, {best:.4f} after, on {len(adapted.held_back)} held-back pairs"
    if adapted.improved:
        print(f"{output / _MODEL_FILE}: {model} adapted; unexplained: {told}")
    else:
        print(f"{output / _MODEL_FILE}: {model} as it was, for adapting made it worse; unexplained: {told}")
