"""Results of a fine-tuning: weights that others load, an ONNX file, and scores from before and after."""

import os
import secrets
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from leadline.errors import InputError
from leadline.export.zoo import export_zoo
from leadline.maps import DISTANCE_KINDS, DepthMap
from leadline.models.zoo.trainable import ZooNetwork, merged, save_adapter, save_network
from leadline.protocols.mono.evaluate import SceneMethod, evaluate_scenes
from leadline.protocols.mono.generic import GENERIC
from leadline.protocols.report import Report
from leadline.samples import DepthSample
from leadline.training.checkpoints import AtomicCheckpoints
from leadline.training.finetune.data import FinetuneValidation
from leadline.training.finetune.learner import FinetunedZoo, FinetuneRecipe, network_folder, start_network
from leadline.training.finetune.prompt import depth_with_truth
from leadline.training.run import CHECKPOINT_NAME

MODEL_FOLDER: Final = "model"
ADAPTER_FOLDER: Final = "adapter"
ONNX_FILE: Final = "model.onnx"
_GUARD: Final = "AbsRel"


@dataclass(frozen=True, eq=False)
class Finetuned:
    """Result of a fine-tuning.

    Args:
        report: Scores of the network "before" and "after" on the validation images.
        learned: How many images it learned from.
        parity: Largest difference between torch and ONNX Runtime as a share of the range; None without an ONNX file.
        no_onnx: Why there is none.
    """

    report: Report
    learned: int
    parity: float | None
    no_onnx: str | None

    def scores(self, method: str) -> Mapping[str, float]:
        """Means over the validation images, by metric.

        Args:
            method: before or after.
        """
        rows = [row for row in self.report.rows if row.scene is None and row.method == method and row.rule == "dense"]
        return {row.metric: row.value for row in rows}

    @property
    def improved(self) -> bool:
        """Whether the mean relative error fell."""
        return self.scores("after")[_GUARD] < self.scores("before")[_GUARD]


def write_finetuned(recipe: FinetuneRecipe, checkpoint: Path, output: Path) -> Finetuned:
    """Scores the averaged network of a run, and writes it: model/, adapter/ for LoRA, model.onnx and model.yaml.

    Each of them is whole or absent.

    Args:
        recipe: What was learnt.
        checkpoint: What `train` returned.
        output: Exists.
    Raises:
        InputError: If the checkpoint is another network's, or torch and ONNX Runtime differ.
        OutputError: If a file cannot be written.
    """
    learner = FinetunedZoo(recipe)
    learner.load_state_dict(AtomicCheckpoints().load_checkpoint(checkpoint)["state_dict"])
    adapted = learner.averaged_network
    after = merged(adapted)
    judged = FinetuneValidation(learner.judged, recipe.validation_pairs)
    networks = {"before": start_network(recipe), "after": after}
    methods = {name: _method(network, recipe.prompt_grid) for name, network in networks.items()}
    report = evaluate_scenes((judged.scene(index) for index in range(len(judged))), methods, GENERIC)
    with _whole_folder(output / MODEL_FOLDER) as folder:
        save_network(after.cpu(), network_folder(recipe), folder)
    if recipe.lora:
        with _whole_folder(output / ADAPTER_FOLDER) as folder:
            save_adapter(adapted, folder)
    parity, no_onnx = None, None
    try:
        parity = export_zoo(after, output / ONNX_FILE, f"{recipe.model}-finetuned", recipe.augmentation.crop)
    except InputError as error:
        no_onnx = str(error)
    return Finetuned(report, len(learner.learned), parity, no_onnx)


def remove_results(output: Path) -> None:
    """Removes the results of an earlier run, its checkpoint too, so that none of them is taken for new.

    Args:
        output: The folder, which may be absent.
    """
    for folder in (MODEL_FOLDER, ADAPTER_FOLDER):
        shutil.rmtree(output / folder, ignore_errors=True)
    onnx = output / ONNX_FILE
    for path in (onnx, onnx.with_suffix(".yaml"), output / CHECKPOINT_NAME):
        path.unlink(missing_ok=True)


def _method(network: ZooNetwork, grid: tuple[int, int]) -> SceneMethod:
    network = network.to("cuda" if torch.cuda.is_available() else "cpu").eval()

    def estimate(scene: DepthSample) -> DepthMap:
        assert scene.truth is not None, "an image without truth judges nothing"
        image = torch.from_numpy(np.ascontiguousarray(scene.image))
        with torch.inference_mode():
            found = depth_with_truth(network, image, scene.truth.depth, scene.truth.valid, grid)
        depth = found.float().cpu().numpy()
        valid = depth > 0 if network.kind in DISTANCE_KINDS else np.ones(depth.shape, dtype=bool)
        return DepthMap(depth, valid, network.kind)

    return estimate


@contextmanager
def _whole_folder(folder: Path) -> Generator[Path]:
    """A folder that appears under its name, in place of an earlier one, only when the block ends well."""
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}.part")
    temporary.mkdir()
    try:
        yield temporary
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
