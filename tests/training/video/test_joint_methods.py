"""Methods that learn depth, camera motion and flow together: phases, terms, and that a toy scene is learned."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from leadline.errors import InputError
from leadline.io.images import read_image
from leadline.losses import moving_pixels
from leadline.models.checkpoint import averaged_weights
from leadline.models.flow import FlowPrediction
from leadline.models.pose import PosePrediction
from leadline.ops import rigid_flow, se3_exponential
from leadline.tasks import task_of_method
from leadline.training.recipe import learner_type, load_recipe
from leadline.training.run import train
from leadline.training.video.competitive_collaboration import (
    CompetitiveCollaboration,
    Players,
    disagreement_px,
    scene_terms,
)
from leadline.training.video.geonet import GeoNet, residual_motion
from leadline.training.video.learner import VideoLearner
from leadline.training.video.phases import Phase, Schedule
from leadline.training.video.sfmlearner import sfmlearner_terms

from .conftest import CAMERA, Crossing, Street

TOY = {
    "batch_size": 2,
    "warmup_steps": 5,
    "decay_steps": 20,
    "learning_rate": 1e-3,
    "validation_pairs": 1,
    "workers": 0,
    "ema_decay": 0.9,
    "augmentation": {"crop": [64, 96], "log2_scale": [0.0, 0.0], "photometric": 0.0},
}
JOINT = ("video/geonet", "video/df-net", "video/competitive-collaboration")
#: Phases so short that few steps see all of them.
BRIEF = {
    "video/geonet": {"rigid_steps": 2},
    "video/df-net": {"separate_steps": 2},
    "video/competitive-collaboration": {
        "rigid_steps": 1,
        "flow_steps": 1,
        "mask_steps": 1,
        "competition_steps": 1,
        "collaboration_steps": 1,
    },
}


def learner_of(name: str, scene: Street | Crossing, **changes: object):
    recipe = load_recipe(name, {**TOY, "data": str(scene.frames), "validation": str(scene.validation), **changes})
    torch.manual_seed(1)
    return learner_type(recipe)(recipe).train()


def phase_terms(learner: VideoLearner, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
    """The terms of a step, whatever the method calls them by."""
    phase = learner.recipe.schedule.at(step)
    learner.teach(learner.recipe.schedule, phase)
    if isinstance(learner, GeoNet):
        return learner.rigid_terms(batch) if phase.name == "rigid" else learner.flow_terms(batch)
    return learner.terms(batch, phase if isinstance(learner, CompetitiveCollaboration) else phase.name == "joint")


def taught(learner: VideoLearner, steps: range, seen: Callable[[int, float], None] | None = None) -> list[float]:
    """Trains without Lightning's circumstances; the loss of every step."""
    optimizer = torch.optim.AdamW(learner.parameter_groups(), 1e-3)
    loader = learner.loader(learner.samples(0, len(steps) * 2))
    losses = []
    for step, batch in zip(steps, loader, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, 3.0 * (len(steps) - step) / len(steps))
        loss = torch.stack(list(phase_terms(learner, batch, step).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


@contextmanager
def at_rest(learner: VideoLearner) -> Iterator[None]:
    """Judges a learner as it will be used: with the statistics of training, not of the one image it is shown."""
    learner.eval()
    with torch.inference_mode():
        yield
    learner.train()


def triplet(scene: Crossing, number: int) -> list[Tensor]:
    images = [read_image(scene.frames / f"{n:02}.png").pixels for n in (number, number - 1, number + 1)]
    return [torch.from_numpy(image).permute(2, 0, 1).float()[None] / 255.0 for image in images]


def endpoint_error(flow: Tensor, scene: Crossing, number: int) -> float:
    return float(np.linalg.norm(flow[0].permute(1, 2, 0).numpy() - scene.flow[number], axis=2).mean())


def iou(moving: np.ndarray, scene: Crossing, number: int) -> float:
    truth = scene.moving[number]
    return float((moving & truth).sum() / (moving | truth).sum())


def camera() -> Tensor:
    return torch.from_numpy(CAMERA.matrix).float()[None]


@pytest.mark.parametrize("name", ["video/competitive-collaboration", "video/sfmlearner"])
def test_depth_gains_nothing_by_a_motion_that_leaves_the_image(name: str):
    """A motion by which no pixel lies in the source any more costs exactly what no motion costs."""
    recipe = load_recipe(name, {**TOY, "data": "frames", "validation": "frames"})
    generator = torch.Generator().manual_seed(0)
    images = [torch.rand(2, 3, 64, 96, generator=generator) for _ in range(3)]
    inverses = [torch.ones(2, 1, 64 // n, 96 // n) for n in (8, 4, 2, 1)]

    def photometric(twist: list[float]) -> float:
        return float(first_term(name, recipe, inverses, torch.tensor(twist).expand(2, 6), images))

    still = photometric([0.0] * 6)
    assert still > 0.01
    for twist in ([1e3, 0, 0, 0, 0, 0], [0, 0, -1e3, 0, 0, 0]):  # far to the side, and through all that is seen
        assert photometric(twist) == pytest.approx(still, rel=1e-5)


def first_term(name: str, recipe, inverses: list[Tensor], twist: Tensor, images: list[Tensor]) -> Tensor:
    """What depth and motion cost by the images."""
    cameras, motion = camera().expand(2, 3, 3), se3_exponential(twist)
    if name == "video/sfmlearner":
        logits = tuple(torch.zeros(2, 2, *inverse.shape[2:]) for inverse in inverses)
        said = PosePrediction(torch.stack([twist, twist], dim=1), logits)
        return sfmlearner_terms(inverses, said, images, cameras, recipe)["photometric"]
    flow = FlowPrediction(torch.zeros(2, 2, 64, 96))
    return scene_terms(Players(inverses, [motion, motion], [flow, flow], []), images, cameras, recipe)["scene"]


@pytest.mark.parametrize("name", JOINT)
def test_only_the_networks_of_a_phase_learn(name: str, crossing: Crossing):
    learner = learner_of(name, crossing, **BRIEF[name])
    batch = next(iter(learner.train_dataloader()))
    schedule, modules = learner.recipe.schedule, {"depth": "model"}
    phases = (*schedule.opening, *schedule.cycle)
    networks = {modules.get(network, network) for phase in phases for network in phase.learns}
    for step, phase in enumerate(phases):
        start = sum(each.steps for each in phases[:step])
        learner.zero_grad(set_to_none=True)
        resting = set(networks) - {modules.get(network, network) for network in phase.learns}
        before = {name: value.clone() for name, value in learner.state_dict().items() if name.split(".")[0] in resting}
        terms = phase_terms(learner, batch, start)
        assert all(torch.equal(learner.state_dict()[name], value) for name, value in before.items())
        assert all(math.isfinite(float(term.detach())) for term in terms.values())
        torch.stack(list(terms.values())).sum().backward()
        taught_now = {
            child
            for child, network in learner.named_children()
            if any(weight.grad is not None and weight.grad.any() for weight in network.parameters())
        }
        assert taught_now == {modules.get(network, network) for network in phase.learns}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if "collaboration" in name else [pytest.mark.slow]) for name in JOINT]
)
def test_a_run_goes_through_its_phases_and_resumes_exactly(name: str, crossing: Crossing, tmp_path: Path, caplog):
    def run(folder: Path, steps: int) -> dict[str, Tensor]:
        learner = learner_of(name, crossing, steps=steps, epoch_steps=1, decay_steps=1, **BRIEF[name])
        path = train(learner.recipe, folder, validated=False)
        return torch.load(path, weights_only=True)["state_dict"]

    whole = run(tmp_path / "whole", 4)
    told = [record.getMessage() for record in caplog.records if "phase" in record.getMessage()]
    schedule = learner_of(name, crossing, **BRIEF[name]).recipe.schedule
    wanted = list(dict.fromkeys(schedule.at(step).name for step in range(4)))
    assert [line.split("phase ")[1].split(",")[0] for line in told] == wanted
    run(tmp_path / "parts", 2)
    resumed = run(tmp_path / "parts", 4)
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    kept, weights = averaged_weights(tmp_path / "whole" / "last.ckpt")
    assert task_of_method(kept["method"]).name == "mono"
    assert not any("flow" in key or "mask" in key for key in weights)


def test_a_rigid_stage_and_a_residual_lower_the_loss(crossing: Crossing):
    learner = learner_of("video/geonet", crossing, rigid_steps=10)
    losses = taught(learner, range(16))
    assert np.mean(losses[7:10]) < 0.9 * np.mean(losses[:3])
    assert losses[-1] < losses[10] * 1.2


@pytest.mark.slow
def test_geonet_learns_depth_and_finds_the_box(crossing: Crossing):
    learner = learner_of("video/geonet", crossing, rigid_steps=60)

    def scores() -> tuple[float, float, float]:
        with at_rest(learner):
            _, _, rigid, residual = learner.flows(triplet(crossing, 5), camera())
        moving = (residual_motion(residual[-1], (64, 96))[1, 0] > 1.0).numpy()
        whole = endpoint_error(rigid[1:2] + residual[-1][1:2], crossing, 5)
        return endpoint_error(rigid[1:2], crossing, 5), whole, iou(moving, crossing, 5)

    before = scores()
    losses = taught(learner, range(200))
    after = scores()
    assert np.mean(losses[50:60]) < 0.8 * np.mean(losses[:5])
    assert after[0] < 0.7 * before[0]
    assert after[1] < 0.6 * after[0]
    assert after[2] > 0.25


@pytest.mark.slow
def test_competitors_and_referee_find_the_box(crossing: Crossing):
    phases = {
        "rigid_steps": 60,
        "flow_steps": 100,
        "mask_steps": 15,
        "competition_steps": 20,
        "collaboration_steps": 15,
    }
    learner = learner_of("video/competitive-collaboration", crossing, consensus_px=0.5, **phases)

    def scores() -> tuple[float, float, float]:
        everyone = frozenset({"depth", "pose", "flow", "mask"})
        with at_rest(learner):
            said = learner.players(triplet(crossing, 5), everyone, frozenset())
            apart = disagreement_px(said, camera())
            rigid, _ = rigid_flow(1.0 / said.inverse_depths[-1], camera(), said.motions[1])
            moving = moving_pixels(said.still_logits[-1], apart, learner.recipe.consensus_px)[0, 0].numpy()
        whole = endpoint_error(said.flows[1].flow, crossing, 5)
        return endpoint_error(rigid, crossing, 5), whole, iou(moving, crossing, 5)

    before = scores()
    losses = taught(learner, range(280))
    after = scores()
    assert np.mean(losses[150:160]) < 0.8 * np.mean(losses[60:65])
    assert after[0] < 0.7 * before[0]
    assert after[1] < 0.7 * before[1]
    assert after[2] > 0.2


@pytest.mark.slow
def test_depth_and_flow_teach_each_other(crossing: Crossing):
    learner = learner_of("video/df-net", crossing, separate_steps=60)

    def scores() -> float:
        target, _, following = triplet(crossing, 5)
        with at_rest(learner):
            flow = learner.flow(target, following)
        assert isinstance(flow, FlowPrediction)
        return endpoint_error(flow.flow, crossing, 5)

    before = scores()
    losses = taught(learner, range(100))
    assert np.mean(losses[50:60]) < 0.8 * np.mean(losses[:5])
    assert scores() < 0.7 * before


def test_a_stereo_video_teaches_disparity_flow_and_the_loop(street: Street, tmp_path: Path):
    changes = {"photometric": {"warmup_steps": 1}, "model": "leadline-fast"}
    augmentation = {**TOY["augmentation"], "flip_columns": 0.0}
    learner = learner_of("video/loop-net", street, **changes, augmentation=augmentation)
    batch = next(iter(learner.train_dataloader()))
    assert "loop" not in learner.terms(batch, 0)
    terms = learner.terms(batch, 1)
    assert {"photometric", "flow", "loop"} <= set(terms)
    torch.stack(list(terms.values())).sum().backward()
    for network in (learner.model, learner.flow):
        assert all(weight.grad is not None for weight in network.parameters())
    assert task_of_method("loop-net").name == "stereo"


@pytest.mark.slow
def test_the_loop_learns_disparity(street: Street):
    augmentation = {**TOY["augmentation"], "flip_columns": 0.0}
    changes = {"photometric": {"warmup_steps": 20}, "augmentation": augmentation}
    learner = learner_of("video/loop-net", street, **changes)
    truth = 70.0 * 0.2 / street.depth[6]

    def error() -> float:
        left, right = (read_image(street.frames / side / "06.png").pixels for side in ("left", "right"))
        pair = [torch.from_numpy(image).permute(2, 0, 1).float()[None] / 255.0 for image in (left, right)]
        with torch.inference_mode():
            found = learner.model.eval()(*pair).disparity[0, 0].numpy()
        learner.train()
        return float(np.abs(found - truth).mean())

    before, losses = error(), []
    optimizer = torch.optim.AdamW(learner.parameter_groups(), 1e-3)
    for step, batch in enumerate(learner.loader(learner.samples(0, 120))):
        loss = torch.stack(list(learner.terms(batch, step).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < np.mean(losses[20:25])
    assert error() < 0.7 * before


def test_phases_come_once_and_then_again_and_again():
    opening, cycle = [Phase("a", frozenset("a"), 2), Phase("none", frozenset(), 0)], [Phase("b", frozenset("b"), 3)]
    schedule = Schedule(opening, [*cycle, Phase("c", frozenset("c"), 1)])
    assert "".join(schedule.at(step).name for step in range(11)) == "aabbbcbbbcb"
    assert schedule.phases == ["a", "none", "b", "c"]
    with pytest.raises(InputError, match="expected a cycle of at least 1 step"):
        Schedule(opening, [])
    with pytest.raises(InputError, match="expected at least 0 steps of the phase b, got -1"):
        Phase("b", frozenset(), -1)


@pytest.mark.parametrize("name", JOINT)
def test_weights_below_zero_are_refused(name: str, crossing: Crossing):
    with pytest.raises(InputError, match="expected smoothness_weight of at least 0"):
        learner_of(name, crossing, smoothness_weight=-1.0)


def test_a_competition_without_steps_is_refused(crossing: Crossing):
    with pytest.raises(InputError, match="expected a cycle of at least 1 step"):
        learner_of("video/competitive-collaboration", crossing, competition_steps=0, collaboration_steps=0)


def test_a_mirrored_loop_is_refused(street: Street):
    with pytest.raises(InputError, match="expected flip_columns: 0"):
        learner_of("video/loop-net", street)
    with pytest.raises(InputError, match="expected loop_weight of at least 0"):
        learner_of("video/loop-net", street, loop_weight=-1.0)
