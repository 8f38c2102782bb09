"""`leadline finetune`: a network of the zoo learns from the user's images with depth."""

import json
import sys
from pathlib import Path
from typing import Any, Final, Literal

from leadline.apps.cli.batch import say
from leadline.apps.cli.extras import needs_extra
from leadline.apps.cli.sizes import parse_size
from leadline.errors import InputError
from leadline.io.atomic import make_output_folder
from leadline.protocols.mono.scenes import samples_for_a_metre
from leadline.results.stereo import SUMMARY_FILE, refuse_existing, versions, write_json

_FULL_RATE: Final = 5e-5
_LORA_RATE: Final = 2e-4
_EPOCH_STEPS: Final = 50
_WARMUP_STEPS: Final = 20


def finetune(
    model: str,
    data: str,
    /,
    *,
    source: str | None = None,
    lora: int = 0,
    validation: str = "",
    depth_unit: str | None = None,
    steps: int = 500,
    learning_rate: float | None = None,
    batch_size: int = 4,
    loss: Literal["scale-shift-invariant", "trimmed-scale-shift-invariant", "silog", "squared-silog"] | None = None,
    crop: str | None = None,
    prompt_grid: str = "24x24",
    seed: int = 1,
    workers: int = 0,
    output: Path | None = None,
    accept_licence: bool = False,
    overwrite: bool = False,
) -> None:
    """Fine-tune a network of the zoo on images with metric depth, which may be known at some pixels only.

    DATA is a folder of shards, as `leadline render mono` writes them, or of images, as `leadline eval mono` takes it:
    images in images, color or rgb, and depth in depth under the same name, grey 16-bit PNG in millimetres, 0 where
    unknown; or data.npz. A run that was stopped goes on from its last checkpoint.

    The output folder gets model/, which transformers and `--source` take; adapter/, which peft takes, for LoRA;
    model.onnx with its card model.yaml, which `leadline mono --model` takes; summary.json with the scores before and
    after; and the checkpoint and the logs for TensorBoard.

    Args:
        model: Network of the zoo, such as depth-anything-v2-small: Depth Anything, Prompt Depth Anything, DPT, MiDaS,
            ZoeDepth, GLPN or Depth Pro.
        data: What to learn from.
        source: Folder with the files of the network; from the hub or its cache if absent.
        lora: Rank of low-rank adapters, which alone are trained; 0 trains all weights.
        validation: What to judge by, as DATA; every tenth image of DATA is held back if absent.
        depth_unit: What a sample of the depth images stands for: mm, cm, or 1/N of a metre, such as 1/256 (KITTI) and
            1/5000 (TUM). If absent, what the layout or the folder's name tells, else millimetres; refused where the
            depth would then be no camera's or scanner's.
        steps: Optimiser steps.
        learning_rate: 0.00005, or 0.0002 with --lora, if absent; the backbone learns with a tenth of it in full
            fine-tuning.
        batch_size: Images a step.
        loss: What suits the network's kind if absent: scale-shift-invariant for affine_inverse, silog for metric.
        crop: WIDTHxHEIGHT of the network's input in training; what it will see of the first image if absent.
        prompt_grid: COLUMNSxROWS of the coarse sensor whose depth a network that takes a prompt is given; made from
            the mean true depth in each cell, in training and for the scores.
        seed: Of the order of images and their augmentation.
        workers: Processes that load and augment; 0 does it in the training process.
        output: Output folder; runs/MODEL-finetuned if absent.
        accept_licence: Accept the licence of the network, where it restricts its use.
        overwrite: Begin anew and replace an earlier result.
    """
    folder = output or Path("runs") / f"{model}-finetuned"
    refuse_existing(folder, (SUMMARY_FILE,), overwrite)
    if steps < 1:
        raise InputError(f"expected at least 1 step, got {steps}")
    with needs_extra("train"):
        from leadline.training.finetune.data import unit_of_images
        from leadline.training.finetune.learner import require_same_run
        from leadline.training.finetune.results import remove_results, write_finetuned
        from leadline.training.run import CHECKPOINT_NAME, train
    unit, notes = unit_of_images((data, validation), depth_unit)
    values: dict[str, object] = {
        "model": model, "data": data, "validation": validation, "source": source, "lora": lora, "steps": steps,
        "learning_rate": (_LORA_RATE if lora else _FULL_RATE) if learning_rate is None else learning_rate,
        "batch_size": batch_size, "loss": loss, "depth_unit": unit,
        "prompt_grid": list(parse_size(prompt_grid)), "seed": seed,
        "workers": workers, "accept_licence": accept_licence,
        "warmup_steps": max(1, min(_WARMUP_STEPS, steps // 10)), "decay_steps": max(1, steps // 2),
        "epoch_steps": min(_EPOCH_STEPS, steps),
    }  # fmt: skip
    recipe = _with_views(values, None if crop is None else parse_size(crop))
    say(f"note: {note}; --depth-unit says it" for note in notes)
    make_output_folder(folder)
    checkpoint = folder / CHECKPOINT_NAME
    if overwrite:
        remove_results(folder)
        (folder / SUMMARY_FILE).unlink(missing_ok=True)
    if checkpoint.exists():
        require_same_run(recipe, checkpoint)
    result = write_finetuned(recipe, train(recipe, folder), folder)
    write_json(folder / SUMMARY_FILE, _summary(recipe, result))
    _tell(folder, recipe, result)


def _with_views(values: dict[str, object], crop: tuple[int, int] | None) -> Any:  # noqa: ANN401 - torch is not imported here
    """The recipe, with views that suit network and images."""
    from dataclasses import replace

    from leadline.training.finetune.data import split
    from leadline.training.finetune.learner import FinetuneRecipe, chosen_loss, start_network, usual_augmentation
    from leadline.training.recipe import make_recipe

    recipe = make_recipe({"method": "finetune", **values}, "the command line")
    assert isinstance(recipe, FinetuneRecipe)
    network = start_network(recipe)
    chosen_loss(network.card, recipe.loss)
    samples_per_m = samples_for_a_metre(recipe.depth_unit)
    augmentation = usual_augmentation(
        network, split(recipe.data, recipe.validation, network.farthest_m, samples_per_m)[0]
    )
    return replace(recipe, augmentation=augmentation if crop is None else replace(augmentation, crop=crop))


def _summary(recipe: Any, result: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    from leadline.training.recipe import resolved

    return {
        "model": recipe.model,
        "improved": result.improved,
        "before": result.scores("before"),
        "after": result.scores("after"),
        "learned_from": result.learned,
        "judged_by": list(result.report.scene_names()),
        "parity": result.parity,
        "no_onnx": result.no_onnx,
        "recipe": resolved(recipe),
        "report": json.loads(result.report.to_json()),
        "versions": versions(),
    }


def _tell(folder: Path, recipe: Any, result: Any) -> None:  # noqa: ANN401 - as above
    from leadline.models.zoo import zoo_card

    before, after = result.scores("before"), result.scores("after")
    alignment = result.report.rows[0].alignment
    count = len(result.report.scene_names())
    told = [f"{name} {before[name]:.4g} before, {after[name]:.4g} after" for name in ("AbsRel", "delta<1.25")]
    print(
        f"{folder}: {recipe.model} fine-tuned on {result.learned} images, judged on {count}: {'; '.join(told)} "
        f"(generic, alignment {alignment})"
    )
    if result.parity is None:
        print(f"{folder}: no ONNX file: {result.no_onnx}")
        if zoo_card(recipe.model).needs_prompt:
            print(f'use it in Python: load_zoo("{recipe.model}", "{folder / "model"}")(image, prompt_m)')
        else:
            print(f"use it: leadline mono IMAGE --model {recipe.model} --source {folder / 'model'}")
    else:
        print(f"{folder / 'model.onnx'}: within {100 * result.parity:.2g} % of the range of torch")
        print(f"use it: leadline mono IMAGE --model {folder / 'model.onnx'}")
    if not result.improved:
        print(
            f"warning: fine-tuning did not help: AbsRel {before['AbsRel']:.4g} before, {after['AbsRel']:.4g} after; "
            "keep the network as it was, or take a lower --learning-rate, more images or --lora",
            file=sys.stderr,
        )
