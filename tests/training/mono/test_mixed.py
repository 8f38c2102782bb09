"""One network learns from data sets whose truth means different things, each by the loss that it permits."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from leadline.apps.cli.main import main
from leadline.data.mono.augment import MonoAugmentation, augment_ordinal
from leadline.data.mono.mixed import MixedSample, MixedSource, augment_mixed, mixed_tensors, ordered_pairs
from leadline.data.mono.shards import write_depth_shard
from leadline.data.stereo.shards import write_stereo_shard
from leadline.data.stream import draw_evenly
from leadline.errors import InputError
from leadline.maps import DepthMap, DisparityMap
from leadline.models.checkpoint import averaged_weights
from leadline.models.mono import MonoPrediction
from leadline.samples import DepthSample, OrdinalSample, StereoSample
from leadline.training.mono.mixed import MixedMono, MixedMonoRecipe, MixedShare, mixed_terms
from leadline.training.recipe import load_recipe

SIZE = (48, 64)
CROP = MonoAugmentation(crop=(32, 64))
RECIPE = """
method: mixed-mono
model: leadline-mono
data: {root}/metric
sky_weight: 0.2
mix:
  - {{data: {root}/films}}
  - {{data: {root}/pairs, weight: 0.5}}
  - {{data: {{dataset: megadepth, root: {root}/megadepth}}}}
  - {{data: {{dataset: redweb, root: {root}/redweb}}}}
  - {{data: {{dataset: redweb, root: {root}/redweb}}, loss: ordinal, weight: 0.5}}
  - {{data: {{dataset: diw, root: {root}/diw, annotations: pairs.csv}}}}
validation: {root}/metric
validation_pairs: 1
steps: 2
batch_size: 12
warmup_steps: 1
decay_steps: 1
epoch_steps: 2
validate_epochs: 1
compile: false
workers: 0
imagenet: false
precision: 32-true
pairs: 50
augmentation: {{crop: [32, 64]}}
"""


def _image(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def _depth(kind, seed=0):
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    values = (1.0 + rows + columns / 64).astype(np.float32)
    return DepthSample(f"s{seed}", _image(seed), DepthMap(values, rows > 2, kind))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny data sets of every kind."""
    h5py = pytest.importorskip("h5py")
    root = tmp_path_factory.mktemp("mix")
    for name, kind in (("metric", "metric"), ("films", "affine_inverse")):
        write_depth_shard(root / name / "a.tar", [(_depth(kind, k), {}) for k in range(2)])
    truth = DisparityMap(np.full(SIZE, 5.0, np.float32), np.ones(SIZE, bool))
    write_stereo_shard(root / "pairs" / "a.tar", [(StereoSample("p", _image(), _image(), truth), {})])
    for name in ("megadepth/0022/dense0/depths", "megadepth/0022/dense0/imgs", "redweb/Imgs", "redweb/RDs", "diw/a"):
        (root / name).mkdir(parents=True)
    with h5py.File(root / "megadepth/0022/dense0/depths/a_o.h5", "w") as file:
        file["depth"] = _depth("metric").depth
    for name in ("megadepth/0022/dense0/imgs/a_o.jpg", "redweb/Imgs/b.jpg", "diw/a/1.png"):
        cv2.imwrite(str(root / name), _image())
    cv2.imwrite(str(root / "redweb/RDs/b.png"), (4.0 * _depth("metric").depth).astype(np.uint8))
    (root / "diw/pairs.csv").write_text(f"./a/1.png\n2,8,30,1,>,{SIZE[1]},{SIZE[0]}\n")
    return root


def test_one_recipe_learns_from_all_kinds_at_once(root: Path, tmp_path: Path, capsys):
    path = tmp_path / "mixed.yaml"
    path.write_text(RECIPE.format(root=root))
    assert main(["train", str(path), "--output", str(tmp_path / "run")]) == 0, capsys.readouterr().err
    kept, weights = averaged_weights(tmp_path / "run" / "last.ckpt")
    assert (kept["method"], kept["mix"][4]["loss"]) == ("mixed-mono", "ordinal")
    assert all(value.isfinite().all() for value in weights.values())


def test_each_batch_holds_every_data_set_and_each_gets_its_loss(root: Path, tmp_path: Path):
    path = tmp_path / "mixed.yaml"
    path.write_text(RECIPE.format(root=root))
    recipe = load_recipe(path)
    learner = MixedMono(recipe)
    # The film, MegaDepth and ReDWeb are estimates, so that the worst fifth is left out.
    assert learner.trims == [0.0, 0.2, 0.0, 0.2, 0.2, 0.2, 0.2]
    stream = learner.samples(0, 24)
    for start in (0, 12):
        batch = default_collate([stream[start + place] for place in range(12)])
        assert set(batch["source"].tolist()) == set(range(7))
        pairs = (batch["pair_weight"] > 0).any(dim=1)
        assert (pairs == (batch["source"] >= 5)).all()
        assert (batch["valid"].flatten(1).any(dim=1) == (batch["source"] < 5)).all()
        # Metric depth and depth up to a scale have a relative error; the others do not.
        assert (batch["confident"] == ((batch["source"] == 0) | (batch["source"] == 3))).all()
    model = learner.model.train()
    terms = mixed_terms(model(batch["image"].permute(0, 3, 1, 2) / 255.0), batch, recipe, learner.trims)
    assert set(terms) == {"invariant", "gradient", "ordinal", "confidence"}
    assert all(float(term.detach()) > 0 for term in terms.values())
    sum(terms.values()).backward()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in model.parameters())


class _One:
    """A source of one sample whose inverse depth is not known."""

    def __len__(self):
        return 1

    def key(self, index):
        return "s0"

    def __getitem__(self, index):
        return _depth("affine_depth")


def _recipe(**changes):
    return MixedMonoRecipe(
        model="leadline-mono",
        data="",
        validation="",
        imagenet=False,
        augmentation=CROP,
        pairs=4,
        compile=False,
        **changes,
    )


def _batch(mixed, pairs=4):
    rng = np.random.default_rng(0)
    plain = MonoAugmentation(crop=SIZE, scale=(1.0, 1.0), log2_stretch=0.0, flip=0.0)
    return default_collate([mixed_tensors(augment_mixed(one, plain, pairs, rng), pairs) for one in mixed])


def test_a_prediction_that_is_right_but_for_scale_and_shift_costs_nothing():
    batch = _batch([MixedSample(_depth("metric"), 0), MixedSample(_depth("affine_inverse"), 1)])
    recipe = _recipe(mix=(MixedShare(data=""),))
    right = 3.0 * batch["inverse_depth"].unsqueeze(1) + 0.7
    terms = mixed_terms(MonoPrediction(right, None), batch, recipe, [0.0, 0.2])
    assert float(terms["invariant"]) == pytest.approx(0.0, abs=1e-5)
    assert float(terms["gradient"]) == pytest.approx(0.0, abs=1e-5)
    # The mean over data sets: the second one's prediction turned round costs half of what it costs alone.
    wrong = right.clone()
    wrong[1] = -wrong[1]
    both = mixed_terms(MonoPrediction(wrong, None), batch, recipe, [0.0, 0.0])["invariant"]
    alone = _batch([MixedSample(_depth("affine_inverse"), 0)])
    single = mixed_terms(MonoPrediction(wrong[1:], None), alone, _recipe(), [0.0])["invariant"]
    assert float(both) == pytest.approx(float(single) / 2, rel=1e-5)
    assert float(single) > 1.0


def test_the_ranking_loss_wants_the_nearer_point_larger_and_no_scale():
    image, points = _image(), np.array([[10, 5]], np.int32)
    sample = OrdinalSample("a", image, points, points[:, ::-1].copy(), np.array([1], np.int8))  # (10, 5) is farther
    batch = _batch([MixedSample(sample, 0)])
    x = torch.arange(SIZE[1], dtype=torch.float32).expand(1, 1, *SIZE)
    costs = [
        float(mixed_terms(MonoPrediction(scale * x, None), batch, _recipe(), [0.0])["ordinal"])
        for scale in (-1.0, 1.0, -5.0)
    ]
    # By hand: |10 - 5| over the mean deviation of 0 ... 63 from its median, 16, is the gap.
    gap = 5.0 / float((x - x.flatten().median()).abs().mean())
    assert costs[0] == pytest.approx(0.3 * np.log1p(np.exp(-gap)), rel=1e-4)
    assert costs[1] == pytest.approx(0.3 * np.log1p(np.exp(gap)), rel=1e-4)
    assert costs[2] == pytest.approx(costs[0], rel=1e-4)


@pytest.mark.parametrize("kind", ["metric", "up_to_scale", "affine_inverse", "affine_depth"])
def test_pairs_of_depth_are_in_the_order_of_distance(kind: str):
    sample = _depth(kind)
    pairs = ordered_pairs(sample, 400, np.random.default_rng(0))
    rows = [points[:, 1] for points in (pairs.first, pairs.second)]
    assert min(row.min() for row in rows) > 2  # only where depth is known
    # Values grow with the rows: for inverse depth that is towards the viewer.
    towards = -1 if kind == "affine_inverse" else 1
    apart = np.abs(rows[0] - rows[1]) > 3
    assert (pairs.relation == towards * np.sign(rows[0] - rows[1]))[apart].all()
    level = (rows[0] == rows[1]) & (rows[0] > 20) & (np.abs(pairs.first[:, 0] - pairs.second[:, 0]) < 20)
    assert (pairs.relation[level] == 0).all()


def test_points_move_with_the_image():
    image = np.zeros((40, 80, 3), np.uint8)
    image[10, 20], image[30, 70] = 255, 128
    sample = OrdinalSample("a", image, np.array([[20, 10]], np.int32), np.array([[70, 30]], np.int32),
                           np.array([-1], np.int8))  # fmt: skip
    quiet = {"tone": 0.0, "grey": 0.0, "saturation": 0.0, "blur": 0.0, "noise": 0.0, "jpeg": 0.0}
    for seed in range(12):
        options = MonoAugmentation(crop=(80, 160), log2_stretch=0.0, **quiet)
        moved = augment_ordinal(sample, options, np.random.default_rng(seed))
        (x, y), (u, v) = moved.first[0], moved.second[0]
        near = [moved.image[max(0, b - 2) : b + 3, max(0, a - 2) : a + 3].max() for a, b in ((x, y), (u, v))]
        assert near[0] > near[1] > 20
        assert moved.relation.tolist() == [-1]


def test_batches_hold_the_shares_evenly():
    shares = [0.5, 0.3, 0.2]
    counts = np.zeros(3)
    for batch in range(40):
        drawn = [draw_evenly(3, 10 * batch + place, [7, 5, 3], shares, 10).source for place in range(10)]
        found = np.bincount(drawn, minlength=3)
        assert (np.abs(found - 10 * np.array(shares)) < 1.0 + 1e-9).all()
        counts += found
    assert counts / 400 == pytest.approx(np.array(shares), abs=0.005)
    assert {draw_evenly(3, n, [7], [1.0], 7).place for n in range(7)} == set(range(7))


def test_what_cannot_be_learned_is_refused(root: Path):
    with pytest.raises(InputError, match="batch_size of at least 11, so that each batch holds every data set, got 8"):
        _recipe(mix=(MixedShare(data="", weight=0.1),))
    with pytest.raises(InputError, match=r"expected a trim in \[0, 1\)"):
        MixedShare(data="", trim=1.0)
    with pytest.raises(InputError, match=r"expected sky_weight: 0 for the shards .*films"):
        MixedMono(replace(_recipe(sky_weight=0.1), data=str(root / "films")))
    with pytest.raises(InputError, match="expected loss: ordinal for s0, whose truth is affine_depth, got invariant"):
        MixedSource(_One(), 0, "invariant")[0]


def test_mined_films_are_refused_where_metres_are_needed(root: Path):
    from leadline.training.sources import depth_source, validation_source

    with pytest.raises(InputError, match=r"shards that method metric-mono can learn from, got .*films.*affine_inverse"):
        depth_source(str(root / "films"), "metric-mono")
    with pytest.raises(InputError, match=r"expected shards with metric depth to validate on, got .* affine_inverse"):
        validation_source(str(root / "films"))
    assert len(depth_source(str(root / "films"), "mono")) == 2
