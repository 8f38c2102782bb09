"""Every data set of the catalog: opened by name, learned from and scored from a tiny tree in its true layout."""

import pickle
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from torch.utils.data import default_collate

from leadline.apps.cli.main import main
from leadline.data.audit.parts import open_parts
from leadline.data.audit.run import run_audit
from leadline.data.catalog import DATASETS, DatasetSpec, dataset_card, open_dataset, options_of
from leadline.data.flow.augment import FlowAugmentation
from leadline.data.mono.augment import MonoAugmentation
from leadline.data.mono.shards import write_depth_shard
from leadline.data.mono.stream import mono_stream
from leadline.data.scenes import depth_dataset_scenes, stereo_dataset_scenes
from leadline.data.source import Source
from leadline.data.stereo.augment import StereoAugmentation
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io import write_pfm
from leadline.io.flo import write_flo
from leadline.io.images import read_image
from leadline.io.kitti_flow_png import write_kitti_flow
from leadline.maps import DepthMap
from leadline.samples import DepthSample
from leadline.training.flow.recipe import FlowRecipe
from leadline.training.flow.validation import FlowValidation
from leadline.training.mono.supervised import MonoRecipe, mono_terms
from leadline.training.recipe import learner_type, load_recipe, make_recipe, resolved
from leadline.training.sources import LEARNED_FROM, depth_source, depth_sources, frame_source, stereo_source
from leadline.training.stereo.learner import training_stream, views_of
from leadline.training.stereo.recipe import StereoRecipe
from leadline.training.stereo.supervised import stereo_terms

SIZE = (64, 96)
CODES = np.linspace(2000, 9000, SIZE[0] * SIZE[1]).reshape(SIZE).astype(np.uint16)
"""As millimetres 2 to 9 m."""
DATE, DRIVE = "2011_09_26", "2011_09_26_drive_0001_sync"
LIDAR = f"{DATE}/{DRIVE}/velodyne_points/data"


def sceneflow(tree) -> dict[str, str]:
    for side in ("left", "right"):
        for number in ("0006", "0007"):
            tree.image(f"frames_cleanpass/TEST/A/0000/{side}/{number}.png", 1, SIZE)
            write_pfm(tree.path(f"disparity/TEST/A/0000/{side}/{number}.pfm"), np.full(SIZE, 5.0, np.float32))
    return {"split": "TEST", "render_pass": "clean"}


def sceneflow_subset(tree) -> dict[str, str]:
    for side, sign in (("left", -1.0), ("right", 1.0)):
        tree.image(f"val/image_clean/{side}/0000003.png", 3, SIZE)
        write_pfm(tree.path(f"val/disparity/{side}/0000003.pfm"), np.full(SIZE, 5.0 * sign, np.float32))
        tree.grey(f"val/disparity_occlusions/{side}/0000003.png", np.zeros(SIZE, np.uint8))
    return {"split": "val"}


def sintel_stereo(tree) -> dict[str, str]:
    name = "alley_1/frame_0001.png"
    coded = np.zeros((*SIZE, 3), np.uint8)
    coded[...] = 1, 64, 0  # 5 px
    cv2.imwrite(str(tree.path(f"training/disparities/{name}")), coded[..., ::-1])
    for kind in ("occlusions", "outofframe"):
        tree.grey(f"training/{kind}/{name}", np.zeros(SIZE, np.uint8))
    for side in ("left", "right"):
        tree.image(f"training/clean_{side}/{name}", 1, SIZE)
    return {"render_pass": "clean"}


def cityscapes(tree) -> dict[str, str]:
    frame = "val/lindau/lindau_000000_000019"
    for side in ("left", "right"):
        tree.image(f"{side}Img8bit/{frame}_{side}Img8bit.png", 1, SIZE)
    tree.grey(f"disparity/{frame}_disparity.png", np.full(SIZE, 5 * 256 + 1, np.uint16))
    return {"split": "val"}


def middlebury(tree) -> dict[str, int]:
    for view in ("view1", "view5"):
        tree.image(f"Aloe/{view}.png", 1, SIZE)
    for name in ("disp1", "disp5"):
        tree.grey(f"Aloe/{name}.png", np.full(SIZE, 15, np.uint8))
    return {"factor": 3}


def nyu_v2(tree) -> dict[str, str]:
    tree.image("bath/rgb_1.png", 2, SIZE)
    tree.grey("bath/d_1.png", CODES)
    tree.text("lists/test.txt", "bath/rgb_1.png bath/d_1.png 518.8579\n")
    return {"split": "lists/test.txt"}


def kitti(tree) -> None:
    size = f"{SIZE[1]} {SIZE[0]}"
    cameras = f"R_rect_00: 1 0 0 0 1 0 0 0 1\nS_rect_02: {size}\nP_rect_02: 40 0 48 0 0 40 32 0 0 0 1 0\n"
    tree.text(f"{DATE}/calib_cam_to_cam.txt", f"calib_time: 09-Jan-2012 13:57:47\n{cameras}")
    tree.text(f"{DATE}/calib_velo_to_cam.txt", "calib_time: x\nR: 0 -1 0 0 0 -1 1 0 0\nT: 0 0 0\n")
    tree.image(f"{DATE}/{DRIVE}/image_02/data/0000000005.png", 1, SIZE)
    tree.text("split.txt", f"{DATE}/{DRIVE} 5 l\n")


def kitti_depth(tree) -> dict[str, str]:
    kitti(tree)
    tree.grey(f"truth/val/{DRIVE}/proj_depth/groundtruth/image_02/0000000005.png", CODES)
    return {"split": "split.txt", "truth": "truth"}


def kitti_lidar(tree) -> dict[str, str]:
    kitti(tree)
    rng = np.random.default_rng(0)
    points = np.column_stack([np.full(20000, 10.0), rng.uniform(-9, 9, (20000, 2)), np.zeros(20000)])
    tree.data(f"{LIDAR}/0000000005.bin", points.astype("<f4"))
    return {"split": "split.txt"}


def kitti_raw(tree) -> dict[str, str]:
    kitti(tree)
    other = f"S_rect_03: {SIZE[1]} {SIZE[0]}\nP_rect_03: 40 0 48 -20 0 40 32 0 0 0 1 0\n"
    path = tree.root / DATE / "calib_cam_to_cam.txt"
    path.write_text(path.read_text() + other)
    for number, grey in ((4, 40), (5, 50), (6, 60)):
        for camera in (2, 3):
            tree.image(f"{DATE}/{DRIVE}/image_{camera:02d}/data/{number:010d}.png", grey + camera, SIZE)
    tree.text("split.txt", f"{DATE}/{DRIVE} 5 l\n{DATE}/{DRIVE} 6 l\n{DATE}/{DRIVE} 5 r\n")
    return {"split": "split.txt"}


def diode(tree) -> dict[str, str]:
    name = "val/indoors/scene_00019/scan_00183/00019_00183_indoors_000_010"
    tree.image(f"{name}.png", 1, SIZE)
    np.save(tree.path(f"{name}_depth.npy"), (CODES[..., None] / 1000).astype(np.float32))
    np.save(tree.path(f"{name}_depth_mask.npy"), np.ones(SIZE))
    return {}


def eth3d(tree) -> dict[str, str]:
    tree.text("pipes/other/cameras.txt", f"3 PINHOLE {SIZE[1]} {SIZE[0]} 40 40 48 32\n")
    tree.text("pipes/other/images.txt", "1 1 0 0 0 0 0 0 3 dslr_images/DSC_2.JPG\n\n")
    tree.image("pipes/images/dslr_images/DSC_2.JPG", 2, SIZE)
    tree.data("pipes/ground_truth_depth/dslr_images/DSC_2.JPG", (CODES / 1000).astype("<f4"))
    return {"calibration": "other"}


def sintel_depth(tree) -> dict[str, str]:
    tag, name = struct.pack("<f", 202021.25), "alley_1/frame_0001"
    camera = np.array([[100.0, 0, 48], [0, 100.0, 32], [0, 0, 1]]).tobytes() + np.eye(3, 4).tobytes()
    depth = (CODES / 1000).astype("<f4").tobytes()
    tree.data(f"training/depth/{name}.dpt", tag + struct.pack("<ii", *SIZE[::-1]) + depth)
    tree.data(f"training/camdata_left/{name}.cam", tag + camera)
    tree.image(f"training/clean/{name}.png", 1, SIZE)
    return {"render_pass": "clean"}


def scannet(tree) -> dict[str, str]:
    tree.text("scene0000_00/intrinsic/intrinsic_depth.txt", "55 0 48 0\n0 55 32 0\n0 0 1 0\n0 0 0 1\n")
    tree.grey("scene0000_00/depth/10.png", CODES)
    tree.image("scene0000_00/color/10.jpg", 1, (2 * SIZE[0], 2 * SIZE[1]))
    return {}


def tum_rgbd(tree) -> dict[str, float]:
    tree.text("rgb.txt", "# color images\n1.0 rgb/1.0.png\n")
    tree.text("depth.txt", "1.05 depth/1.05.png\n")
    tree.image("rgb/1.0.png", 1, SIZE)
    tree.grey("depth/1.05.png", CODES)
    return {"max_difference_s": 0.1}


def diml_indoor(tree) -> dict[str, str]:
    tree.image("train/HR/Cafe/color/a_c.png", 1, SIZE)
    tree.grey("train/HR/Cafe/depth_filled/a_depth_filled.png", CODES)
    return {}


def megadepth(tree) -> dict[str, str]:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tree.path("0022/dense0/depths/a_o.h5"), "w") as file:
        file["depth"] = (CODES / 1000).astype(np.float32)
    tree.image("0022/dense0/imgs/a_o.jpg", 1, SIZE)
    return {}


def redweb(tree) -> dict[str, str]:
    tree.image("Imgs/b.jpg", 1, SIZE)
    tree.grey("RDs/b.png", (CODES // 40).astype(np.uint8))
    return {}


def wsvd(tree) -> dict[str, object]:
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(64, 200)), (0, 0), 1.5)
    wide = np.dstack([np.clip(128 + 60 * noise / noise.std(), 0, 255).astype(np.uint8)] * 3)
    writer = cv2.VideoWriter(str(tree.path("a.mp4")), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (320, 64))
    writer.write(np.hstack([wide[:, 20:180], wide[:, 25:185]]))
    writer.release()
    clips = [{"name": "a", "clips": [{"frames": np.array([0], np.int32), "label": np.int64(1)}]}]
    tree.data("clips.pkl", pickle.dumps(clips, protocol=3))
    return {"clips": "clips.pkl", "matcher": "sgbm-3way", "matcher_range_px": 15, "behind_screen_px": 4}


def mined_films(tree) -> dict[str, str]:
    truth = DepthMap((CODES / 100.0 - 40.0).astype(np.float32), CODES > 2500, "affine_inverse")
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    write_depth_shard(tree.path("validation/a.tar"), [(DepthSample("a-000001", image, truth), {})])
    return {"split": "validation"}


def diw(tree) -> dict[str, str]:
    tree.image("DIW_test/a1.thumb", 1, SIZE)
    tree.text("DIW_test.csv", f"./DIW_test/a1.thumb\n2,8,6,1,>,{SIZE[1]},{SIZE[0]}\n")
    return {"annotations": "DIW_test.csv"}


FLOW = np.broadcast_to(np.array([4.0, -2.0], np.float32), (*SIZE, 2)).copy()
"""Every point moves by 4 px to the right and 2 px up."""


def sceneflow_flow(tree) -> dict[str, str]:
    for number in ("0006", "0007"):
        tree.image(f"frames_finalpass/TEST/A/0000/left/{number}.png", 1, SIZE)
        for way, name, sign in (("future", "Future", 1.0), ("past", "Past", -1.0)):
            path = tree.path(f"optical_flow/TEST/A/0000/into_{way}/left/OpticalFlowInto{name}_{number}_L.pfm")
            values = np.dstack([sign * FLOW, np.zeros(SIZE, np.float32)])[::-1]
            path.write_bytes(f"PF\n{SIZE[1]} {SIZE[0]}\n-1.0\n".encode() + values.astype("<f4").tobytes())
    return {"split": "TEST", "render_pass": "final"}


def sintel_flow(tree) -> dict[str, str]:
    for number in (1, 2):
        tree.image(f"training/clean/alley_1/frame_{number:04d}.png", 1, SIZE)
    write_flo(tree.path("training/flow/alley_1/frame_0001.flo"), FLOW, np.ones(SIZE, bool))
    for kind in ("occlusions", "invalid"):
        tree.grey(f"training/{kind}/alley_1/frame_0001.png", np.zeros(SIZE, np.uint8))
    return {"render_pass": "clean"}


def kitti_flow(tree) -> dict[str, str]:
    for number in (10, 11):
        tree.image(f"training/image_2/000000_{number}.png", 1, SIZE)
    for kind in ("flow_occ", "flow_noc"):
        write_kitti_flow(tree.path(f"training/{kind}/000000_10.png"), FLOW, np.ones(SIZE, bool))
    return {}


def middlebury_flow(tree) -> dict[str, str]:
    for number in (10, 11):
        tree.image(f"other-data/Grove2/frame{number}.png", 1, SIZE)
    write_flo(tree.path("other-gt-flow/Grove2/flow10.flo"), FLOW, np.ones(SIZE, bool))
    return {}


TREES: dict[str, Callable] = {
    "sceneflow": sceneflow, "sceneflow-subset": sceneflow_subset, "sintel-stereo": sintel_stereo,
    "cityscapes": cityscapes, "middlebury": middlebury, "nyu-v2": nyu_v2,
    "kitti-depth": kitti_depth, "kitti-lidar": kitti_lidar, "kitti-raw": kitti_raw, "diode": diode,
    "eth3d": eth3d, "sintel-depth": sintel_depth, "scannet": scannet, "tum-rgbd": tum_rgbd, "diml-indoor": diml_indoor,
    "megadepth": megadepth, "redweb": redweb, "wsvd": wsvd, "mined-films": mined_films, "diw": diw,
    "sceneflow-flow": sceneflow_flow, "sintel-flow": sintel_flow, "kitti-flow": kitti_flow,
    "middlebury-flow": middlebury_flow,
}  # fmt: skip
STEREO = [name for name, card in DATASETS.items() if card.task == "stereo"]
METRIC = [name for name, card in DATASETS.items() if card.annotation == "metric"]
MOVING = [name for name, card in DATASETS.items() if card.task == "flow"]
RELATIVE = [name for name, card in DATASETS.items() if card.annotation in ("up_to_scale", "affine_inverse")]
COMMON = {
    "steps": 1, "batch_size": 2, "warmup_steps": 1, "decay_steps": 1, "epoch_steps": 1, "validate_epochs": 100,
    "validation_pairs": 1, "compile": False, "workers": 0, "precision": "32-true", "augmentation": {"crop": list(SIZE)},
}  # fmt: skip


def spec_of(tree, name: str) -> DatasetSpec:
    return DatasetSpec(dataset=name, root=str(tree.root), **TREES[name](tree))


def test_every_data_set_has_a_tree():
    assert list(TREES) == list(DATASETS)


@pytest.mark.parametrize("name", DATASETS)
def test_data_sets_are_sources_and_say_what_they_are(tree, name: str):
    source, card = open_dataset(spec_of(tree, name), DATASETS[name].task), DATASETS[name]
    assert isinstance(source, Source)
    sample = source[0]
    if card.task == "stereo":
        assert (sample.disparity[sample.valid] == 5.0).all()
    elif card.task == "flow":
        assert sample.valid.all()
        np.testing.assert_array_equal(sample.flow, FLOW)
        assert sample.backward is None or (sample.backward.flow == -FLOW).all()
        assert sample.key == source.key(0)
    elif card.task == "mono":
        assert (sample.annotation, sample.key) == (card.annotation, source.key(0))
    assert all((card.title, card.licence, card.source))


@pytest.mark.parametrize("name", DATASETS)
def test_options_of_the_catalog_are_those_of_the_adapters(name: str):
    assert set(options_of(DATASETS[name])) <= set(DatasetSpec.__dataclass_fields__)


@cache
def network(method: str) -> torch.nn.Module:
    nothing = DatasetSpec(dataset="shards", root="")
    recipe = (
        StereoRecipe(model="leadline-fast", data="", validation="", compile=False)
        if method == "stereo"
        else mono_recipe(nothing)
    )
    return learner_type(recipe)(recipe).model


def mono_recipe(data: DatasetSpec) -> MonoRecipe:
    return MonoRecipe(
        model="leadline-mono",
        data=data,
        validation=data,
        imagenet=False,
        sky_weight=0.0,
        compile=False,
        augmentation=MonoAugmentation(crop=SIZE),
    )


def stepped(model: torch.nn.Module, loss: torch.Tensor) -> bool:
    """Whether a step of gradient descent moves the weights to finite values."""
    before = next(model.parameters()).detach().clone()
    model.zero_grad()
    loss.backward()
    torch.optim.SGD(model.parameters(), 1e-4).step()
    after = next(model.parameters()).detach()
    return bool(torch.isfinite(after).all()) and not torch.equal(before, after)


@pytest.mark.parametrize("name", STEREO)
def test_stereo_is_learned_from_each(tree, name: str):
    recipe = StereoRecipe(
        model="leadline-fast", data=spec_of(tree, name), validation="", augmentation=StereoAugmentation(crop=SIZE)
    )
    stream = training_stream(recipe, 0, 2)
    batch, model = default_collate([stream[0], stream[1]]), network("stereo")
    assert batch["left"].shape == (2, *SIZE, 3)
    terms = stereo_terms(model(*views_of(batch)), batch, recipe, model.max_disparity)
    assert stepped(model, sum(terms.values()))


@pytest.mark.parametrize("name", METRIC + RELATIVE)
def test_depth_is_learned_from_each(tree, name: str):
    recipe = mono_recipe(spec_of(tree, name))
    stream = mono_stream(*depth_sources(recipe), recipe.augmentation, 1, 0, 2)
    batch, model = default_collate([stream[0], stream[1]]), network("mono")
    assert batch["valid"].float().mean() > 0.1
    terms = mono_terms(model(batch["image"].permute(0, 3, 1, 2) / 255.0), batch, recipe)
    assert stepped(model, sum(terms.values()))


@pytest.mark.parametrize("right", [False, True])
def test_frames_of_kitti_raw_have_their_neighbours_and_other_view(tree, right: bool):
    source = frame_source(spec_of(tree, "kitti-raw"), "monodepth2", 1, right)
    # Frame 6 has none after it.
    assert [source.key(n).rpartition("image_")[2] for n in range(len(source))] == ["02/0000000005", "03/0000000005"]
    left, other = source[0], source[1]
    for sample, camera in ((left, 2), (other, 3)):
        for frame, number in ((sample.previous, 4), (sample.target, 5), (sample.following, 6)):
            path = tree.root / DATE / DRIVE / f"image_{camera:02d}/data/{number:010d}.png"
            np.testing.assert_array_equal(frame, read_image(path).pixels)
    assert left.camera == Pinhole(40.0, 40.0, 48.0, 32.0, *SIZE)
    if right:
        np.testing.assert_array_equal(left.right, other.target)
        np.testing.assert_array_equal(other.right, left.target)
        # The right camera has the left one at -0.5 m.
        assert (left.baseline_m, other.baseline_m) == (0.5, -0.5)
    else:
        assert left.right is None


def test_frames_without_neighbours_are_refused(tree):
    spec = spec_of(tree, "kitti-raw")
    with pytest.raises(InputError, match=r"with neighbours 2 apart in .*, found none of 3; check the folder"):
        frame_source(spec, "monodepth2", 2, False)
    with pytest.raises(InputError, match="got kitti-raw, whose truth is none; learn from it with method: sfmlearner"):
        depth_source(spec, "mono")


@pytest.mark.parametrize("name", STEREO)
def test_stereo_scenes_are_scored_from_each(tree, name: str, capsys: pytest.CaptureFixture[str]):
    spec = spec_of(tree, name)
    scene = stereo_dataset_scenes(spec)[0]
    assert scene.load().key == scene.name
    assert "/" not in scene.name
    options = [f"--{key.replace('_', '-')}={value}" for key, value in spec.options().items()]
    words = ["eval", "stereo", "--dataset", name, "--root", spec.root, *options, "--models", "bm", "--max-disparity=16"]
    assert main(words) == 0
    assert "bad-2" in capsys.readouterr().out


@pytest.mark.parametrize("name", METRIC)
def test_depth_scenes_are_scored_from_each(tree, name: str, capsys: pytest.CaptureFixture[str]):
    spec = spec_of(tree, name)
    options = [f"--{key.replace('_', '-')}={value}" for key, value in spec.options().items()]
    assert main(["eval", "mono", "--dataset", name, "--root", spec.root, *options, "--models", "constant"]) == 0
    assert "AbsRel" in capsys.readouterr().out


@pytest.mark.parametrize("name", MOVING)
def test_flow_is_learned_from_and_scored_on_each(tree, name: str, capsys: pytest.CaptureFixture[str]):
    spec = spec_of(tree, name)
    recipe = FlowRecipe(
        model="leadline-flow", data=spec, validation=spec, augmentation=FlowAugmentation(crop=SIZE), compile=False
    )
    batch = default_collate([learner_type(recipe)(recipe).samples(0, 1)[0]])
    assert batch["flow"].shape == (1, *SIZE, 2)
    assert batch["valid"].float().mean() > 0.9
    assert FlowValidation(recipe)[0]["group"] == name
    options = [f"--{key.replace('_', '-')}={value}" for key, value in spec.options().items()]
    assert main(["eval", "flow", "--dataset", name, "--root", spec.root, *options, "--models", "dis"]) == 0
    assert "EPE" in capsys.readouterr().out
    with pytest.raises(InputError, match=f"got {name}, whose truth is flow; learn from it with method: flow"):
        depth_source(spec, "mono")


@pytest.mark.parametrize("name", [*RELATIVE, "diw"])
def test_truth_without_metres_has_no_protocol(tree, name: str):
    with pytest.raises(InputError, match=f"got {name} with {DATASETS[name].annotation} truth, for which there is no"):
        depth_dataset_scenes(spec_of(tree, name))


@pytest.mark.parametrize(
    ("name", "method", "message"),
    [
        ("redweb", "metric-mono", "whose truth is affine_inverse; learn from it with method: mono or intrinsic-lora"),
        ("redweb", "stereo", "method stereo can learn from, got redweb"),
        ("megadepth", "diffusion", "whose truth is up_to_scale; learn from it with method: mono or intrinsic-lora"),
        ("cityscapes", "mono", "whose truth is disparity; learn from it with method: stereo or self-supervised or"),
        ("diw", "mono", "whose truth is ordinal; learn from it with method: mixed-mono"),
        ("nothing", "mono", "expected a data set out of shards, sceneflow"),
    ],
)
def test_a_method_refuses_what_it_cannot_learn_from(tmp_path: Path, name: str, method: str, message: str):
    spec = DatasetSpec(dataset=name, root=str(tmp_path))
    opened = stereo_source if method == "stereo" else depth_source
    with pytest.raises(InputError, match=message):
        opened(spec, method)


def test_every_kind_of_truth_names_its_methods():
    assert {card.annotation for card in DATASETS.values()} <= set(LEARNED_FROM)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dataset": "nyu-v2"}, "expected split for the data set nyu-v2, got none"),
        ({"dataset": "kitti-depth", "split": "a"}, "expected truth for the data set kitti-depth"),
        ({"dataset": "diode", "split": "val"}, "expected no split for the data set diode, which takes no options"),
        ({"dataset": "cityscapes", "split": "x"}, "expected split out of train, val, test, train_extra .* got 'x'"),
        ({"dataset": "cityscapes", "truth": "x"}, "expected no truth .* takes split; leave it out"),
        ({"dataset": "shards"}, "expected shards"),
        ({"dataset": "cityscapes", "root": "/nowhere"}, "expected the folder of cityscapes at /nowhere, got no folder"),
    ],
)
def test_what_a_data_set_does_not_take_is_refused(tmp_path: Path, values: dict[str, str], message: str):
    spec = DatasetSpec(**{"root": str(tmp_path), **values})
    with pytest.raises(InputError, match=message):
        open_dataset(spec, dataset_card(spec.dataset, None).task)


def test_sky_is_not_guessed_in_a_data_set():
    with pytest.raises(InputError, match="expected sky_weight: 0 in a recipe with the data set diode"):
        MonoRecipe(model="leadline-mono", data=DatasetSpec(dataset="diode", root="a"), validation="b")
    shards = DatasetSpec(dataset="shards", root="a")
    assert MonoRecipe(model="leadline-mono", data=shards, validation=shards).sky_weight > 0


def test_a_recipe_with_a_data_set_survives_its_checkpoint(tmp_path: Path):
    data = {"dataset": "sceneflow", "root": "a", "split": "TEST"}
    mix = [{"data": {"dataset": "cityscapes", "root": "b"}, "weight": 2.0}, {"data": "folder"}]
    recipe = make_recipe({"model": "leadline-fast", "data": data, "validation": "v", "mix": mix}, "here")
    assert isinstance(recipe, StereoRecipe)
    assert recipe.data == DatasetSpec(**data)
    assert recipe.mix[0].data == DatasetSpec(dataset="cityscapes", root="b")
    assert recipe.mix[1].data == "folder"
    assert make_recipe(resolved(recipe), "again") == recipe
    for wrong, message in (({"dataset": "sceneflow"}, "missing among"), ({"dataset": "a", "roof": "b"}, "unknown key")):
        with pytest.raises(InputError, match=message):
            make_recipe({"model": "leadline-fast", "data": wrong, "validation": "v"}, "here")
    with pytest.raises(InputError, match="for here: data, got 3"):
        make_recipe({"model": "leadline-fast", "data": 3, "validation": "v"}, "here")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "method", "model"), [("sceneflow", "stereo", "leadline-fast"), ("nyu-v2", "mono", "leadline-mono")]
)
def test_a_recipe_trains_from_a_data_set(tree, name: str, method: str, model: str):
    spec = {"dataset": name, "root": str(tree.root), **TREES[name](tree)}
    own = {"imagenet": False, "sky_weight": 0.0} if method == "mono" else {}
    values = {"method": method, "model": model, "data": spec, "validation": dict(spec), **COMMON, **own}
    values["validate_epochs"] = 1
    tree.text("recipe.yaml", yaml.safe_dump(values))
    assert load_recipe(tree.root / "recipe.yaml").data == DatasetSpec(**spec)
    assert main(["train", str(tree.root / "recipe.yaml"), "--output", str(tree.root / "run")]) == 0
    assert (tree.root / "run/last.ckpt").is_file()


def test_the_list_names_every_data_set(capsys: pytest.CaptureFixture[str]):
    assert main(["data", "list"]) == 0
    told = capsys.readouterr().out
    assert all(f" {name} " in told for name in DATASETS)
    assert "truth, split" in told


def test_a_folder_or_a_data_set_is_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["eval", "mono"]) == 2
    assert "or --dataset NAME with --root FOLDER, got neither" in capsys.readouterr().err
    assert main(["eval", "stereo", str(tmp_path), "--dataset", "cityscapes", "--root", str(tmp_path)]) == 2
    assert "got both; name one of them" in capsys.readouterr().err


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_is_audited(name, tree, tmp_path_factory):
    spec = spec_of(tree, name)
    parts = open_parts([name], tree.root, options=spec)
    audit = run_audit(parts, tmp_path_factory.mktemp("audit"))
    assert [count for _, _, count in audit.parts] == [len(parts[0].source)] == [len(audit.samples)]
    assert all("damage" not in sample and sample["images"] for sample in audit.samples)
    if (known := [sample["truth"]["known"] for sample in audit.samples if "truth" in sample]) and name != "kitti-lidar":
        assert min(known) > 0.5
