"""Learning depth from the frames of a moving camera: true depth costs least, and a tiny sequence is learned."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from leadline.data.datasets.files import find_files
from leadline.errors import InputError
from leadline.io.images import read_image, write_image
from leadline.models.checkpoint import averaged_weights
from leadline.models.mono.monodepth import MonoDepth
from leadline.models.pose import PosePrediction
from leadline.ops import se3_exponential, warp_by_depth
from leadline.tasks import task_of_method
from leadline.training.learner import DivergedError
from leadline.training.recipe import learner_type, load_recipe
from leadline.training.run import train, validate
from leadline.training.video.learner import VideoLearner
from leadline.training.video.monodepth2 import Monodepth2Recipe, monodepth2_terms, right_from_left
from leadline.training.video.scales import at_size, scaled_intrinsics
from leadline.training.video.sfmlearner import SfmLearnerRecipe, sfmlearner_terms

from .conftest import BASELINE_M, CAMERA, STEP_M, Street

TOY = {
    "batch_size": 2,
    "warmup_steps": 5,
    "validation_pairs": 2,
    "workers": 0,
    "ema_decay": 0.9,
    "augmentation": {"crop": [64, 96], "log2_scale": [0.0, 0.0], "photometric": 0.0},
}
SCORES = {f"rendered/{name}" for name in ("abs_rel", "delta1", "abs_rel-median", "delta1-median")}
PLACES = {"model": "monodepth", "data": "no data", "validation": "no validation"}


def toy_recipe(name: str, street: Street, **changes: object):
    return load_recipe(name, {**TOY, "data": str(street.frames), "validation": str(street.validation), **changes})


def frames(street: Street, side: str = "left") -> list[Tensor]:
    paths = find_files(street.frames / side, "*.png")
    return [torch.from_numpy(read_image(path).pixels).permute(2, 0, 1).float()[None] / 255.0 for path in paths]


def shifted(translation: np.ndarray) -> Tensor:
    """The motion to a camera that stands so far off."""
    return se3_exponential(torch.tensor([[*(-translation), 0.0, 0.0, 0.0]], dtype=torch.float32))


def median_abs_rel(model: MonoDepth, street: Street) -> float:
    errors = []
    for image, truth in zip(frames(street), street.depth, strict=True):
        with torch.inference_mode():
            depth = 1.0 / model.eval()(image).inverse_depth[0, 0].numpy()
        depth = np.clip(depth * np.median(truth) / np.median(depth), 0.1, 10.0)  # capped, as KITTI's protocol caps
        errors.append(np.mean(np.abs(depth - truth) / truth))
    return float(np.mean(errors))


def loss_of(learner: VideoLearner, monkeypatch: pytest.MonkeyPatch) -> float:
    """The loss of a fixed batch."""
    batch = next(iter(learner.train_dataloader()))
    monkeypatch.setattr(learner, "checked", lambda terms: torch.stack(list(terms.values())).sum())
    with torch.no_grad():
        return float(learner.train().training_step(batch, 0))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("video/monodepth2", {"smoothness_weight": 0.05}),
        ("video/monodepth2", {"smoothness_weight": 0.05, "sources": "stereo"}),
        ("video/sfmlearner", {}),
    ],
)
def test_a_tiny_sequence_teaches_its_depth(name, changes, street: Street, tmp_path: Path, monkeypatch):
    run = {"steps": 60, "decay_steps": 20, "epoch_steps": 60, "learning_rate": 1e-3}
    recipe = toy_recipe(name, street, **run, **changes)
    torch.manual_seed(1)
    learner = learner_type(recipe)(recipe)
    before = loss_of(learner, monkeypatch), median_abs_rel(learner.averaged, street)
    checkpoint = train(recipe, tmp_path, validated=False)
    learner.load_state_dict(torch.load(checkpoint, weights_only=True)["state_dict"])
    after = loss_of(learner, monkeypatch), median_abs_rel(learner.averaged, street)
    assert after[0] < 0.8 * before[0]
    assert after[1] < 0.7 * before[1]
    if learner.pose is not None:
        # The next camera sees points moved by the opposite of its step, in an unknown unit.
        views = frames(street)[5:8]
        views = [views[1], views[0], views[2]] if name == "video/sfmlearner" else views[1:]
        with torch.inference_mode():
            moved = learner.pose.eval()(*views).twist[0, -1, :3].numpy()
        assert moved @ -STEP_M > 0.9 * np.linalg.norm(moved) * np.linalg.norm(STEP_M)


def test_true_depth_and_motion_cost_least(street: Street):
    recipe = Monodepth2Recipe(**PLACES)
    images, truth = frames(street), torch.from_numpy(street.depth[6])[None, None]
    views = [(images[5], shifted(-STEP_M)), (images[7], shifted(STEP_M))]
    views.append((frames(street, "right")[6], right_from_left(torch.tensor([BASELINE_M]))))
    camera = torch.from_numpy(CAMERA.matrix).float()[None]

    def loss(inverse: Tensor) -> float:
        terms = monodepth2_terms([inverse], images[6], views, camera, recipe, torch.Generator().manual_seed(0))
        return float(terms["photometric"])

    right = loss(1.0 / truth)
    assert right < 0.01
    for wrong in (1.15 / truth, 0.85 / truth, torch.full_like(truth, 0.3), 1.0 / truth.flip(3)):
        assert loss(wrong) > 2.0 * right


def test_every_scale_is_judged_at_the_full_size(street: Street):
    images, camera = frames(street), torch.from_numpy(CAMERA.matrix).float()[None]
    views = [(images[7], shifted(STEP_M))]
    recipe = Monodepth2Recipe(smoothness_weight=1.0, **PLACES)

    def terms(*inverse: Tensor) -> dict[str, Tensor]:
        return monodepth2_terms(inverse, images[6], views, camera, recipe, torch.Generator().manual_seed(0))

    full, coarse = (torch.full((1, 1, 64 // n, 96 // n), 0.3) for n in (1, 4))
    one, both = terms(full), terms(coarse, full)
    # A plane is the same plane at any scale, so its mean over the scales is the same, but for the mask's noise.
    assert both["photometric"].item() == pytest.approx(one["photometric"].item(), rel=1e-3)
    assert one["smoothness"].item() == both["smoothness"].item() == 0.0
    ramp = torch.linspace(0.2, 0.4, 96).expand(1, 1, 64, 96)
    # Of two equal maps the second counts half; the image is the same.
    assert terms(ramp, ramp)["smoothness"].item() == pytest.approx(0.75 * terms(ramp)["smoothness"].item())


def test_the_mean_of_the_sources_and_no_mask_cost_more(street: Street):
    images, camera = frames(street), torch.from_numpy(CAMERA.matrix).float()[None]
    views = [(images[5], shifted(-STEP_M)), (images[7], shifted(STEP_M))]
    inverse = torch.full((1, 1, 64, 96), 0.3)

    def loss(**options: bool) -> float:
        recipe = Monodepth2Recipe(**options, **PLACES)
        terms = monodepth2_terms([inverse], images[6], views, camera, recipe, torch.Generator().manual_seed(0))
        return float(terms["photometric"])

    assert loss() < loss(minimum=False) < loss(minimum=False, auto_mask=False)
    assert loss() < loss(auto_mask=False)


def test_sfmlearner_sums_what_is_explained_at_every_scale(street: Street):
    images, camera = frames(street), torch.from_numpy(CAMERA.matrix).float()[None]
    recipe = SfmLearnerRecipe(**PLACES)
    inverse = [1.0 / torch.from_numpy(street.depth[6])[None, None, ::n, ::n] for n in (2, 1)]
    logits = tuple(torch.zeros(1, 2, 64 // n, 96 // n) for n in (2, 1))
    steps = np.stack([[*STEP_M, 0, 0, 0], [*-STEP_M, 0, 0, 0]])

    def terms(twist: np.ndarray) -> dict[str, Tensor]:
        said = PosePrediction(torch.from_numpy(twist).float()[None], logits)
        return sfmlearner_terms(inverse, said, [images[6], images[5], images[7]], camera, recipe)

    right, still = terms(steps), terms(0 * steps)
    # Pixels that leave the view cost what they cost unwarped, so that only the others can gain.
    unseen = 0.0
    for depth in (1.0 / each for each in inverse):
        (target, *sources), scaled = at_size([images[6], images[5], images[7]], camera, tuple(depth.shape[2:]))
        for source, step in zip(sources, torch.from_numpy(steps).float(), strict=True):
            inside = warp_by_depth(source, depth, scaled, se3_exponential(step[None]))[1]
            unseen += 0.5 * ((source - target).abs().mean(dim=1, keepdim=True) * ~inside).mean().item() / 2
    assert unseen > 0
    assert float(right["photometric"]) - unseen < 0.5 * (float(still["photometric"]) - unseen)
    assert float(right["explainability"]) == pytest.approx(2 * 0.2 * math.log(2.0))  # E = 1/2 at both scales
    # Without motion a warp changes nothing, so each scale's term is half the difference of the frames.
    wanted = 0.0
    for n in (1, 2):
        target, *sources = (torch.nn.functional.avg_pool2d(images[k], n) for k in (6, 5, 7))
        wanted += 0.5 * np.mean([(source - target).abs().mean().item() for source in sources])
    assert float(still["photometric"]) == pytest.approx(wanted, rel=1e-4)


def test_a_resized_camera_sees_the_same():
    half = scaled_intrinsics(torch.from_numpy(CAMERA.matrix)[None], 0.5, 0.25)
    torch.testing.assert_close(half[0], torch.from_numpy(CAMERA.scaled(32, 24).matrix))


def test_the_right_camera_sees_points_further_left():
    moved = right_from_left(torch.tensor([0.5, -0.5])) @ torch.tensor([1.0, 2.0, 3.0, 1.0])
    assert moved[:, :3].tolist() == [[0.5, 2.0, 3.0], [1.5, 2.0, 3.0]]


@pytest.mark.parametrize("name", ["video/monodepth2", "video/sfmlearner"])
def test_a_bundled_recipe_is_trained_validated_and_exported_as_mono(name, street: Street, tmp_path: Path):
    recipe = toy_recipe(name, street, steps=2, decay_steps=1, epoch_steps=1, validate_epochs=100)
    checkpoint = train(recipe, tmp_path)
    kept, weights = averaged_weights(checkpoint)
    assert task_of_method(kept["method"]).name == "mono"
    assert set(weights) == set(MonoDepth(views=1).state_dict())  # not the pose network's
    found = validate(recipe, checkpoint)
    assert set(found) == SCORES
    assert all(math.isfinite(value) for value in found.values())


def test_both_sources_are_learned_from_together(street: Street):
    recipe = toy_recipe("video/monodepth2", street, sources="mono+stereo")
    learner = learner_type(recipe)(recipe)
    batch = next(iter(learner.train_dataloader()))
    terms = learner.terms(batch, torch.Generator().manual_seed(0))
    sum(terms.values()).backward()
    assert all(weight.grad is not None for weight in learner.pose.parameters())
    assert all(weight.grad is not None for weight in learner.model.parameters())


def test_a_pose_network_with_a_gradient_that_is_not_finite_ends_the_run(street: Street):
    recipe = toy_recipe("video/monodepth2", street)
    learner = learner_type(recipe)(recipe)
    optimizer = torch.optim.SGD(learner.pose.parameters(), 1.0)
    for weight in learner.pose.parameters():
        weight.grad = torch.zeros_like(weight)
    learner.on_before_optimizer_step(optimizer)
    next(learner.pose.parameters()).grad[:] = math.nan
    with pytest.raises(DivergedError, match="expected finite gradients"):
        learner.on_before_optimizer_step(optimizer)


@pytest.mark.parametrize("name", ["video/monodepth2", "video/sfmlearner"])
def test_what_cannot_be_trained_is_refused(name, street: Street):
    with pytest.raises(InputError, match="multiples of 32"):
        toy_recipe(name, street, augmentation={"crop": [50, 96]})
    with pytest.raises(InputError, match="expected frame_stride of at least 1"):
        toy_recipe(name, street, frame_stride=0)
    with pytest.raises(InputError, match="expected smoothness_weight of at least 0"):
        toy_recipe(name, street, smoothness_weight=-1.0)
    with pytest.raises(InputError, match=r"expected a folder of frames .* got the data set kitti"):
        toy_recipe(name, street, data={"dataset": "kitti", "root": "nowhere"})
    for changes, message in (
        ({"model": "eigen", "model_options": {}}, "expected the network monodepth for method: .*, got eigen"),
        ({"model_options": {}}, "expected a network of 1 view"),
    ):
        recipe = toy_recipe(name, street, **changes)
        with pytest.raises(InputError, match=message):
            learner_type(recipe)(recipe)


def test_a_camera_that_rests_is_said_to_teach_nothing(street: Street, tmp_path, caplog):
    rng = np.random.default_rng(0)
    still = rng.integers(0, 255, (64, 96, 3), np.uint8)
    for number in range(4):
        write_image(tmp_path / f"{number}.png", still + rng.integers(0, 2, still.shape, np.uint8))
    (tmp_path / "K.txt").write_text("70 0 47.5 0 70 31.5 0 0 1")
    for data, said in ((tmp_path, True), (street.frames, False)):
        recipe = toy_recipe("video/monodepth2", street, data=str(data))
        caplog.clear()
        learner_type(recipe)(recipe).samples(0, 1)
        assert ("a camera that rests tells neither depth nor its scale" in caplog.text) == said
