"""Learning metres, and learning from pairs, with networks for single images."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from leadline.data.mono.augment import MonoAugmentation
from leadline.data.mono.stream import CanonicalBatch
from leadline.data.synthetic.generate import generate_mono, generate_stereo
from leadline.errors import InputError
from leadline.models.catalog import build_model
from leadline.models.checkpoint import averaged_weights
from leadline.models.mono import LeadlineMono, MonoPrediction
from leadline.training.mono.metric import LOSSES, MetricMono, MetricMonoRecipe, metric_terms
from leadline.training.mono.monodepth import LeftRightMono, MonoDepthRecipe, left_right_terms
from leadline.training.mono.validation import MonoValidation, log_scores
from leadline.training.recipe import load_recipe
from leadline.training.run import train, validate

TOY = {
    "steps": 2,
    "batch_size": 2,
    "warmup_steps": 1,
    "decay_steps": 1,
    "epoch_steps": 2,
    "validate_epochs": 100,
    "validation_pairs": 1,
    "workers": 0,
    "precision": "32-true",
    "augmentation": {"crop": [32, 64]},
}
OPTIONS = {"mono-dpt": {"width": 32, "depth": 4, "heads": 2}}
METRIC = {"abs_rel", "delta1", "abs_rel-median", "delta1-median", "abs_rel-none", "delta1-none"}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mono")
    generate_mono(1, 1, folder, workers=0, size=(48, 64))
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stereo")
    generate_stereo(1, 1, folder, workers=0, size=(64, 96))
    return folder


@pytest.mark.parametrize(
    ("name", "scores"),
    [
        ("mono-eigen", METRIC),
        ("mono-zoe", METRIC),
        ("mono-dpt", {"abs_rel", "delta1"}),
        ("mono-monodepth", {"abs_rel", "delta1", "abs_rel-median", "delta1-median"}),
    ],
)
def test_a_bundled_recipe_trains_and_is_validated(name, scores, images, pairs, tmp_path: Path):
    data = pairs if name == "mono-monodepth" else images
    places = {"data": str(data), "validation": str(images), "model_options": OPTIONS.get(name, {})}
    recipe = load_recipe(name, {**TOY, **places})
    checkpoint = train(recipe, tmp_path)
    kept, weights = averaged_weights(checkpoint)
    assert kept["method"] == {"mono-dpt": "mono", "mono-monodepth": "monodepth"}.get(name, "metric-mono")
    assert all(value.isfinite().all() for value in weights.values())
    found = validate(recipe, checkpoint)
    assert set(found) == {f"rendered/{score}" for score in scores}
    assert all(math.isfinite(value) for value in found.values())


def batch_of(depth: Tensor) -> CanonicalBatch:
    image = torch.zeros((*depth.shape, 3), dtype=torch.uint8)
    return CanonicalBatch(image=image, canonical_depth=depth, valid=depth > 0)


@pytest.mark.parametrize(
    ("loss", "wanted"),
    # Errors of log depth: 0 in one half, log 4 in the other: mean square log(4)^2 / 2, squared mean log(4)^2 / 4.
    [
        ("eigen", math.log(4.0) ** 2 * (1 / 2 - 1 / 8)),
        ("glpn", math.log(4.0) * math.sqrt(1 / 2 - 1 / 8)),
        ("bts", 10.0 * math.log(4.0) * math.sqrt(1 / 4 + 0.15 / 4)),  # variance and squared mean are both 1/4
        ("l1", 3.0),
    ],
)
def test_losses_by_hand(loss, wanted):
    truth = torch.full((1, 4, 4), 2.0)
    found = truth.clone()
    found[:, 2:] *= 4.0
    (term,) = metric_terms(MonoPrediction(1.0 / found[:, None]), batch_of(truth), loss).values()
    assert float(term) == pytest.approx(wanted, rel=1e-4)
    assert set(LOSSES) == {"eigen", "glpn", "bts", "l1"}


def test_depth_that_is_not_known_does_not_count():
    truth = torch.full((1, 4, 4), 2.0)
    truth[:, 2:] = 0.0
    found = torch.full((1, 1, 4, 4), 1e3)
    found[:, :, :2] = 0.5
    for loss in LOSSES:
        (term,) = metric_terms(MonoPrediction(found), batch_of(truth), loss).values()
        assert float(term) == pytest.approx(0.0, abs=1e-6)


def test_metric_depth_is_scored_as_it_is_and_aligned(images: Path, monkeypatch):
    recipe = MetricMonoRecipe(model="eigen", data=str(images), validation=str(images), compile=False)
    learner = MetricMono(recipe)
    scores: dict[str, float] = {}
    monkeypatch.setattr(learner, "score", lambda name, value: scores.update({name: float(value)}))
    item = MonoValidation(recipe)[0]
    item["shown"] = False
    half = torch.where(item["valid"], 0.5 * item["depth"], 1.0)
    log_scores(learner, item, half, None, "metric")
    assert scores["rendered/abs_rel-none"] == pytest.approx(0.5, rel=1e-4)
    assert scores["rendered/delta1-none"] == 0.0
    assert scores["rendered/abs_rel-median"] < 1e-4
    assert scores["rendered/abs_rel"] < 1e-4
    scores.clear()
    log_scores(learner, item, half, None, "up_to_scale")
    assert "rendered/abs_rel-none" not in scores


def test_validation_takes_the_focal_length_into_metres(images: Path, monkeypatch):
    recipe = MetricMonoRecipe(model="eigen", data=str(images), validation=str(images), compile=False)
    learner, seen = MetricMono(recipe), []
    monkeypatch.setattr(
        "leadline.training.mono.learner.log_scores", lambda _, __, depth, ___, kind: seen.append((depth, kind))
    )
    item = MonoValidation(recipe)[0]
    learner.validation_step(item, 0)
    focal = item.pop("relative_focal")
    learner.validation_step(item, 0)
    (metres, kind), (canonical, other) = seen
    assert (kind, other) == ("metric", "up_to_scale")
    torch.testing.assert_close(metres, canonical * focal)


def test_a_backbone_starts_with_weights_of_its_own_kind(images: Path):
    learner = MetricMono(MetricMonoRecipe(model="zoe-bins", data=str(images), validation=str(images), compile=False))
    torch.manual_seed(5)
    relative = LeadlineMono()
    fresh = learner.adopt(relative.state_dict())
    assert fresh
    assert all(name.startswith("bins.") for name in fresh)
    assert torch.equal(learner.model.backbone.mask.weight, relative.mask.weight)


def test_imagenet_weights_reach_the_backbones_encoder(images: Path, monkeypatch):
    ones = {name: torch.ones_like(value) for name, value in build_model("leadline-mono").encoder.state_dict().items()}
    monkeypatch.setattr("leadline.training.mono.learner.imagenet_weights", lambda: ones)
    learner = MetricMono(
        MetricMonoRecipe(model="zoe-bins", data=str(images), validation=str(images), compile=False, imagenet=True)
    )
    assert (learner.model.backbone.encoder.conv_stem.weight == 1).all()
    rest, encoder = learner.parameter_groups()
    assert encoder["lr"] == pytest.approx(0.25e-3)
    assert len(rest["params"]) + len(encoder["params"]) == len(list(learner.model.parameters()))


@pytest.mark.parametrize("model", ["leadline-mono", "monodepth"])
def test_metres_want_a_network_that_says_them(model, images: Path):
    with pytest.raises(InputError, match=f"canonical depth, such as eigen or zoe-bins, got {model}"):
        MetricMono(MetricMonoRecipe(model=model, data=str(images), validation=str(images)))


def test_pairs_want_a_network_that_says_both_views(pairs: Path):
    with pytest.raises(InputError, match="expected the network monodepth for method: monodepth, got eigen"):
        LeftRightMono(MonoDepthRecipe(model="eigen", data=str(pairs), validation=str(pairs)))
    with pytest.raises(InputError, match="expected a network of 2 views to learn from pairs, got 1"):
        LeftRightMono(
            MonoDepthRecipe(
                model="monodepth", model_options={"views": 1}, data=str(pairs), validation=str(pairs), compile=False
            )
        )


@pytest.mark.parametrize("name", ["mono-eigen", "mono-monodepth"])
def test_a_crop_that_the_network_cannot_see_is_refused(name):
    with pytest.raises(InputError, match="multiples of 32"):
        load_recipe(name, {"augmentation": {"crop": [100, 64]}})


def test_right_disparities_cost_nothing_and_wrong_ones_do():
    torch.manual_seed(0)
    scene = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 12), size=(32, 48), mode="bicubic").clamp(0, 1)
    # Right view shifted by 3 px everywhere: d = 3 of 45 columns in both views.
    left, right = scene[..., :45], scene[..., 3:48]
    recipe = MonoDepthRecipe(model="monodepth", data="no data", validation="no validation")
    right_one = left_right_terms([torch.full((1, 2, 32, 45), 3 / 45)], left, right, recipe)
    wrong = left_right_terms([torch.full((1, 2, 32, 45), 0.1)], left, right, recipe)
    border = 2.0 * 4 / 45  # columns that the other view does not see, and SSIM's window beside them
    assert float(right_one["appearance"]) < border
    assert float(wrong["appearance"]) > 2.0 * float(right_one["appearance"])
    assert float(right_one["smoothness"]) == float(right_one["consistency"]) == 0.0
    # Views that disagree by 0.02 of the width: counted once for each view.
    apart = torch.cat([torch.full((1, 1, 32, 45), 0.1), torch.full((1, 1, 32, 45), 0.12)], dim=1)
    assert float(left_right_terms([apart], left, right, recipe)["consistency"]) == pytest.approx(0.04, rel=1e-3)


def test_row_flips_and_differing_views_are_off_by_default():
    augmentation = MonoDepthRecipe(model="monodepth", data="no data", validation="no validation").augmentation
    assert (augmentation.flip_rows, augmentation.asymmetric, augmentation.erase) == (0.0, 0.0, 0.0)
    assert (
        MetricMonoRecipe(model="eigen", data="no data", validation="no validation").augmentation == MonoAugmentation()
    )
