"""Networks and losses of other packages in recipes: what docs/extending-training.md shows."""

import math
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from leadline.data.mono.shards import write_depth_shard
from leadline.errors import InputError
from leadline.export.onnx import load_inference
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.models.catalog import build_model
from leadline.models.checkpoint import averaged_weights
from leadline.models.mono import MonoPrediction
from leadline.models.places import imported
from leadline.models.stereo import StereoPrediction
from leadline.samples import DepthSample
from leadline.training.named_loss import named_loss
from leadline.training.recipe import load_recipe
from leadline.training.run import LOGS_NAME, train
from leadline.training.stereo.recipe import StereoRecipe
from leadline.training.stereo.supervised import disparity_terms

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending-training.md"


class OneDisparity(nn.Module):
    """A stereo network with one learned disparity for all pixels."""

    input_stride = 4

    def __init__(self, max_disparity: int = 64, start_px: float = 5.0, note: str | None = None, other=None) -> None:
        super().__init__()
        self.max_disparity = max_disparity
        self.px = nn.Parameter(torch.tensor(float(start_px)))

    def forward(self, left: Tensor, right: Tensor) -> StereoPrediction:
        return StereoPrediction(self.px.expand(left.shape[0], 1, *left.shape[2:]))


class OneDepth(nn.Module):
    """A network for single images with one learned canonical depth for all pixels."""

    input_stride = 32
    canonical = True

    def __init__(self) -> None:
        super().__init__()
        self.inverse = nn.Parameter(torch.tensor(0.25))

    def forward(self, image: Tensor) -> MonoPrediction:
        return MonoPrediction(self.inverse.expand(image.shape[0], 1, *image.shape[2:]))


class NeedsMore(nn.Module):
    """A network whose class has an argument without a default."""

    def __init__(self, width: int) -> None:
        super().__init__()


def double_l1(prediction: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Twice the mean absolute error."""
    return 2.0 * ((prediction - truth).abs() * weight).sum() / weight.sum().clamp_min(1.0)


def two_arguments(prediction: Tensor, truth: Tensor) -> Tensor:
    return (prediction - truth).abs().mean()


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> str:
    """The classes above as a package of the user's."""
    module = ModuleType("their_package")
    for each in (OneDisparity, OneDepth, NeedsMore, double_l1, two_arguments):
        setattr(module, each.__name__, each)
    monkeypatch.setitem(sys.modules, "their_package", module)
    return "their_package"


TOY = {
    "validation_pairs": 1,
    "steps": 4,
    "warmup_steps": 0,
    "decay_steps": 1,
    "epoch_steps": 2,
    "validate_epochs": 2,
    "compile": False,
    "workers": 0,
    "precision": "32-true",
    "batch_size": 2,
    "weight_decay": 0.0,
}


def scalars(run: Path, name: str) -> list[float]:
    return [event.value for event in EventAccumulator(str(run / LOGS_NAME)).Reload().Scalars(name)]


def test_a_stereo_network_and_a_loss_of_another_package_are_trained(
    toy_recipe: StereoRecipe, package: str, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr("leadline.training.stereo.validation.find_spec", lambda _: None)
    path = tmp_path / "own.yaml"
    path.write_text(
        f"model: {package}:OneDisparity\nmodel_options: {{max_disparity: 48, start_px: 20}}\n"
        f"loss: {package}:double_l1\ndata: {toy_recipe.data}\nvalidation: {toy_recipe.data}\n"
        "learning_rate: 0.5\naugmentation: {crop: [64, 96]}\n"
    )
    checkpoint = train(load_recipe(path, TOY), tmp_path / "run")
    recipe, weights = averaged_weights(checkpoint)
    assert recipe["model"] == "their_package:OneDisparity"
    with pytest.raises(
        InputError, match="expected a checkpoint of a network of leadline, got one of their_package:One"
    ):
        load_inference(checkpoint, "stereo")
    with pytest.raises(InputError, match="expected a checkpoint of leadline-fast, got one of their_package:OneDisp"):
        load_inference(checkpoint, "stereo", network="leadline-fast")
    inference = load_inference(checkpoint, "stereo", network="their_package:OneDisparity")
    assert float(inference.model.px.detach()) == float(weights["px"])
    # Most disparities of the toy are below 20 px; 4 steps of AdamW at 0.5 move by less than 2 px.
    assert 18.0 < float(weights["px"]) < 20.0
    assert scalars(tmp_path / "run", "rendered/epe")[0] > 0


def test_the_page_s_network_and_loss_are_trained(toy_recipe: StereoRecipe, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("leadline.training.stereo.validation.find_spec", lambda _: None)
    package = tmp_path / "mypackage"
    package.mkdir()
    (package / "__init__.py").touch()
    network, loss = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (package / "nets.py").write_text(network)
    (package / "losses.py").write_text(loss)
    recipe = "\n".join(re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    (tmp_path / "mine.yaml").write_text(recipe)
    monkeypatch.syspath_prepend(tmp_path)
    places = {"data": toy_recipe.data, "validation": toy_recipe.data, "augmentation": {"crop": [64, 96]}}
    checkpoint = train(load_recipe(tmp_path / "mine.yaml", {**TOY, **places}), tmp_path / "run")
    kept = averaged_weights(checkpoint)[0]
    assert (kept["model"], kept["loss"]) == ("mypackage.nets:MyNet", "mypackage.losses:cautious")
    assert all(value > 0 for value in scalars(tmp_path / "run", "train/full"))
    # Off by e - 1 where it counts, and by anything elsewhere: log(1 + e - 1) is 1.
    off = torch.tensor([math.e - 1.0, math.nan])
    assert float(named_loss(kept["loss"])(off, torch.zeros(2), torch.tensor([2.0, 0.0]))) == pytest.approx(1.0)


def test_a_loss_by_name_is_the_one_that_is_used(package: str):
    prediction = StereoPrediction(torch.full((1, 1, 4, 4), 7.0))
    truth, weight = torch.full((1, 1, 4, 4), 4.0), torch.ones(1, 1, 4, 4)

    def term(loss: str) -> float:
        options = StereoRecipe(model="any", data="a", validation="b", loss=loss)
        return float(disparity_terms(prediction, truth, weight, options, 64)["full"])

    # An error of 3 px: smooth-L1 is 2.5, L1 3, twice that 6, its square 9.
    wanted = {"smooth_l1": 2.5, "l1": 3.0, "l2": 9.0, f"{package}:double_l1": 6.0}
    assert {loss: term(loss) for loss in wanted} == pytest.approx(wanted)


def test_a_metric_network_and_a_loss_of_another_package_are_trained(package: str, tmp_path: Path):
    rng = np.random.default_rng(0)
    camera = Pinhole(64.0, 64.0, 31.5, 31.5, 64, 64)  # a relative focal length of 1
    image, depth = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8), np.full((64, 64), 2.0, np.float32)
    truth = DepthMap(depth, np.ones((64, 64), bool), "metric")
    samples = [DepthSample(f"s{k}", image, truth, camera) for k in range(2)]
    write_depth_shard(tmp_path / "a.tar", [(sample, {}) for sample in samples])
    path = tmp_path / "own.yaml"
    path.write_text(
        f"method: metric-mono\nmodel: {package}:OneDepth\nloss: {package}:double_l1\ndata: {tmp_path}\n"
        f"validation: {tmp_path}\nlearning_rate: 0.05\naugmentation: {{crop: [64, 64], scale: [1.0, 1.0]}}\n"
    )
    checkpoint = train(load_recipe(path, {**TOY, "ema_decay": 0.0}), tmp_path / "run")
    # 1 / 0.25 = 4 m at first, and the truth is 2 m, so inverse depth rises.
    assert float(averaged_weights(checkpoint)[1]["inverse"]) > 0.25
    assert scalars(tmp_path / "run", "rendered/abs_rel-none")[0] < 1.0
    losses = scalars(tmp_path / "run", "train/double_l1")
    assert losses[-1] < losses[0] <= 4.0 + 1e-5


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nowhere_at_all.module:Net", {}, "expected a module nowhere_at_all.module .*PYTHONPATH"),
        ("their_package:Nothing", {}, "an attribute Nothing in the module their_package"),
        ("their_package:double_l1", {}, "class of a torch.nn.Module"),
        ("os:system", {"command": "echo"}, "class of a torch.nn.Module at os:system"),
        ("their_package:NeedsMore", {}, "expected width of their_package:NeedsMore in model_options"),
        (
            "their_package:OneDisparity",
            {"wide": 3},
            "expected options of .* among max_disparity, start_px",
        ),
        ("their_package:OneDisparity", {"max_disparity": "3"}, "expected int for .*max_disparity, got '3'"),
        ("their_package:OneDisparity", {"note": 3}, "expected str or NoneType for .*note, got 3"),
        ("their package", {}, "or mypackage.module:MyNet as the model, got 'their package'"),
    ],
)
def test_networks_that_cannot_be_built_are_refused(package: str, name: str, options, message: str):
    with pytest.raises(InputError, match=message):
        build_model(name, options)


def test_options_of_another_package_are_taken_as_they_are_annotated(package: str):
    built = build_model(f"{package}:OneDisparity", {"start_px": 3, "note": "a", "other": 4})
    assert float(built.px.detach()) == 3.0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "expected a loss out of .*charbonnier, .*smooth_l1.* got 'nothing'"),
        ("masked_mean", "expected a loss out of"),
        ("AdaptiveRobust", "expected a loss out of"),
        ("their_package:two_arguments", "expected a loss that takes prediction, truth, weight, got their_package:two"),
        ("their_package:OneDepth", "expected a function at their_package:OneDepth"),
    ],
)
def test_losses_that_take_something_else_are_refused(package: str, name: str, message: str):
    with pytest.raises(InputError, match=message):
        named_loss(name)


def test_a_place_is_a_module_and_a_name():
    with pytest.raises(InputError, match="expected a name such as package"):
        imported("os", "a thing")


def test_a_network_of_another_kind_is_refused(toy_recipe: StereoRecipe, package: str):
    from dataclasses import replace

    from leadline.training.mono.supervised import MonoRecipe, SupervisedMono
    from leadline.training.stereo.supervised import SupervisedStereo

    with pytest.raises(InputError, match="stereo network with max_disparity and input_stride, got OneDepth"):
        SupervisedStereo(replace(toy_recipe, model=f"{package}:OneDepth"))
    with pytest.raises(InputError, match="single images with input_stride, got NeedsMore"):
        SupervisedMono(
            MonoRecipe(
                model=f"{package}:NeedsMore", model_options={"width": 1}, data="a", validation="b", imagenet=False
            )
        )
