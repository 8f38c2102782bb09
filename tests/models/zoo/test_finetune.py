"""Fine-tuning of tiny random networks: what is learned, what stays, and what comes out."""

import copy
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from leadline.apps.cli.main import main
from leadline.data.mono.augment import MonoAugmentation, augment_mono
from leadline.data.mono.shards import write_depth_shard
from leadline.data.stream import Stream
from leadline.errors import InputError, MissingExtraError
from leadline.export import zoo as export
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.models.zoo import trainable as zoo
from leadline.models.zoo import zoo_card
from leadline.models.zoo.dense import load_parts
from leadline.samples import DepthSample
from leadline.training.finetune.data import DepthPart, open_depth, split, unit_of_images
from leadline.training.finetune.learner import FinetunedZoo, FinetuneRecipe, finetune_terms, usual_augmentation
from leadline.training.finetune.results import Finetuned
from leadline.training.run import train

pytest.importorskip("transformers", reason='no transformers: pip install "leadline[zoo]"')
NAMES = {
    "depth_anything": "depth-anything-v2-small",
    "metric_depth_anything": "depth-anything-v2-metric-indoor-small",
    "dpt": "dpt-large",
    "dpt_hybrid": "midas-dpt-hybrid",
    "zoedepth": "zoedepth-nyu-kitti",
    "glpn": "glpn-nyu",
}
PLAIN = MonoAugmentation(
    crop=(56, 84),
    scale=(1.0, 1.0),
    log2_stretch=0.0,
    flip=0.0,
    tone=0.0,
    grey=0.0,
    saturation=0.0,
    blur=0.0,
    noise=0.0,
    jpeg=0.0,
)


def example_image(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A smooth image, and millimetres between 1 and 3 m, a third of which are unknown."""
    rng = np.random.default_rng(seed)
    noise = np.asarray(cv2.GaussianBlur(rng.random((60, 92, 3), dtype=np.float32), (0, 0), 3.0))
    image = (255.0 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)
    depth = (1000.0 * (1.0 + np.mgrid[:60, :92][0] / 30.0)).astype(np.uint16)
    depth[40:] = 0
    return image, depth


def write_images(folder: Path, count: int = 3) -> Path:
    for name in ("color", "depth"):
        (folder / name).mkdir(parents=True)
    for index in range(count):
        image, depth = example_image(index)
        cv2.imwrite(str(folder / "color" / f"{index}.png"), image)
        cv2.imwrite(str(folder / "depth" / f"{index}.png"), depth)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_images(tmp_path_factory.mktemp("images") / "mine")


@pytest.fixture
def recipe(save, data) -> FinetuneRecipe:
    return FinetuneRecipe(
        model=NAMES["depth_anything"],
        data=str(data),
        validation="",
        source=str(save("depth_anything")),
        steps=3,
        batch_size=2,
        warmup_steps=1,
        decay_steps=1,
        epoch_steps=2,
        validate_epochs=100,
        augmentation=PLAIN,
    )


def batch(kind: str = "known") -> dict[str, torch.Tensor]:
    image, depth = example_image()
    inverse = torch.from_numpy(np.where(depth > 0, 1000.0 / np.maximum(depth, 1), 0.0).astype(np.float32))
    cut = np.s_[None, :56, :84]
    valid = torch.from_numpy(depth > 0)[cut]
    return {"image": torch.from_numpy(image)[cut], "inverse_depth": inverse[cut].clone(), "valid": valid}


@pytest.mark.parametrize("build", NAMES)
def test_a_trainable_network_says_what_the_library_s_does(save, build):
    folder = save(build)
    network = zoo.load_trainable(folder, zoo_card(NAMES[build]))
    side = 2 * network.size.multiple_of
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    library = copy.deepcopy(network.plain)
    with torch.no_grad():
        found = network(image)
        wanted = library((image - network.mean) / network.std).predicted_depth
    if build == "zoedepth":
        wanted = torch.nn.functional.interpolate(wanted[None], (side, side), mode="bilinear")[0]
    assert found.shape == (1, side, side)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    farthest = {"metric_depth_anything": 20.0, "zoedepth": 80.0, "glpn": 10.0}
    assert network.farthest_m == farthest.get(build)


@pytest.mark.parametrize(("build", "loss"), [("depth_anything", "scale-shift-invariant"), ("glpn", "silog")])
@pytest.mark.parametrize("rank", [0, 4])
def test_one_image_is_learned_and_lora_changes_adapters_only(save, build, loss, rank):
    network = zoo.load_trainable(save(build), zoo_card(NAMES[build]))
    truth = {name: layer[:, :32, :64] if build == "glpn" else layer for name, layer in batch().items()}
    image = truth["image"].permute(0, 3, 1, 2).float() / 255.0
    with torch.no_grad():
        start = network(image)
    if rank:
        network = zoo.with_lora(network, rank)
        with torch.no_grad():
            torch.testing.assert_close(network(image), start)
    frozen = {name: weight.clone() for name, weight in network.named_parameters() if not weight.requires_grad}
    trained = [name for name, weight in network.named_parameters() if weight.requires_grad]
    assert all("lora_" in name for name in trained) if rank else not frozen
    optimizer = torch.optim.AdamW([weight for weight in network.parameters() if weight.requires_grad], 0.01)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        value = torch.stack(list(finetune_terms(network(image), truth, loss, 0.5).values())).sum()
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
    assert losses[-1] < (0.9 if rank else 0.7) * losses[0]
    now = dict(network.named_parameters())
    assert all(torch.equal(now[name], weight) for name, weight in frozen.items())
    if rank:
        plain = zoo.merged(network)
        assert not any("lora_" in name for name, _ in plain.named_parameters())
        with torch.no_grad():
            assert float((network(image) - start).abs().max()) > 1e-3
            torch.testing.assert_close(plain(image), network(image), rtol=1e-4, atol=1e-5)


def test_saved_weights_load_again(save, tmp_path):
    source = save("depth_anything")
    network = zoo.load_trainable(source, zoo_card(NAMES["depth_anything"]))
    with torch.no_grad():
        network.plain.head.conv3.bias.add_(0.25)
    zoo.save_network(network, source, tmp_path)
    again = zoo.load_trainable(tmp_path, network.card)
    image = torch.from_numpy(example_image()[0])
    with torch.no_grad():
        assert torch.equal(again.depth(image), network.depth(image))
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    }


@pytest.mark.parametrize("loss", ["scale-shift-invariant", "trimmed-scale-shift-invariant", "silog", "squared-silog"])
def test_pixels_without_truth_have_no_influence(loss):
    truth = batch()
    depth = 1.0 + torch.rand(1, 56, 84, generator=torch.Generator().manual_seed(0))

    def gradient(values: torch.Tensor) -> torch.Tensor:
        leaf = depth.clone().requires_grad_()
        terms = finetune_terms(leaf, {**truth, "inverse_depth": values}, loss, 0.5)
        torch.stack(list(terms.values())).sum().backward()
        return leaf.grad

    known = gradient(truth["inverse_depth"])
    for hole in (1e4, torch.nan, torch.inf):
        assert torch.equal(gradient(truth["inverse_depth"].masked_fill(~truth["valid"], hole)), known)
    assert (known[~truth["valid"]] == 0).all()
    assert float(known[truth["valid"]].abs().max()) > 0


def test_metric_losses_are_those_of_metres():
    truth = batch()
    metres = 1.0 / truth["inverse_depth"].clamp_min(0.1)
    # All twice as far: g = ln 2 everywhere, so the mean square less half the squared mean is (ln 2)^2 / 2.
    expected = np.log(2.0) ** 2 / 2.0
    assert float(finetune_terms(2 * metres, truth, "silog", 0.5)["silog"]) == pytest.approx(np.sqrt(expected), rel=1e-4)
    found = finetune_terms(2 * metres, truth, "squared-silog", 0.5)["squared_silog"]
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_a_run_that_was_cut_off_ends_with_the_same_weights(recipe, tmp_path, monkeypatch):
    recipe = replace(recipe, lora=2)

    def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
        return torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]

    straight = weights(train(recipe, tmp_path / "straight"))
    read = Stream.__getitem__

    def power_cut(self: Stream, index: int) -> dict[str, torch.Tensor]:
        if self.start > 0:
            raise ConnectionAbortedError
        return read(self, index)

    with monkeypatch.context() as patched:
        patched.setattr(Stream, "__getitem__", power_cut)
        with pytest.raises(ConnectionAbortedError):
            train(recipe, tmp_path / "cut")
    half_way = weights(tmp_path / "cut" / "last.ckpt")
    resumed = weights(train(recipe, tmp_path / "cut"))
    assert any(not torch.equal(half_way[name], straight[name]) for name in straight)
    assert [name for name in straight if not torch.equal(resumed[name], straight[name])] == []


def test_the_backbone_learns_slower(recipe):
    learner = FinetunedZoo(recipe)
    rest, backbone = learner.parameter_groups()
    assert backbone["lr"] == pytest.approx(5e-6)
    assert len(backbone["params"]) == len(list(learner.network.plain.backbone.parameters()))
    assert len(rest["params"]) + len(backbone["params"]) == len(list(learner.model.parameters()))


def test_views_are_those_that_the_network_will_see(save, data):
    part = split(str(data), "", None)[0]
    # 60 x 92 with the shorter side at 56: 56 x 85.9, in multiples of 14.
    relative = zoo.load_trainable(save("depth_anything"), zoo_card(NAMES["depth_anything"]))
    assert usual_augmentation(relative, part) == MonoAugmentation(crop=(56, 84))
    metric = zoo.load_trainable(save("metric_depth_anything"), zoo_card(NAMES["metric_depth_anything"]))
    # A square of the shorter side, in which portraits and landscapes of one camera have one focal length.
    assert usual_augmentation(metric, part) == MonoAugmentation(crop=(56, 56), scale=(1.0, 1.0), log2_stretch=0.0)


class Images:
    """Images of some sizes, taken by a camera of 500 px, with everything at 2 m."""

    def __init__(self, *sizes: tuple[int, int]) -> None:
        self.sizes = sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def key(self, index: int, /) -> str:
        return f"image {index}"

    def __getitem__(self, index: int, /) -> DepthSample:
        height, width = self.sizes[index]
        camera = Pinhole(500.0, 500.0, (width - 1) / 2, (height - 1) / 2, height, width)
        truth = DepthMap(np.full((height, width), 2.0, np.float32), np.ones((height, width), bool), "metric")
        return DepthSample(self.key(index), np.zeros((height, width, 3), np.uint8), truth, camera)


@pytest.mark.parametrize("first", [(480, 640), (640, 480)])
@pytest.mark.parametrize("size", [(480, 640), (640, 480), (360, 640), (40, 64)])
def test_metres_are_learned_at_the_focal_length_at_which_they_are_used(save, first, size):
    network = zoo.load_trainable(save("metric_depth_anything"), zoo_card(NAMES["metric_depth_anything"]))
    first = size if size == (40, 64) else first  # such small images are never enlarged as much as others
    images = Images(first, size)
    options = usual_augmentation(network, DepthPart(images, [0, 1]))
    learned = augment_mono(images[1], options, np.random.default_rng(0)).camera
    used = images[1].camera.scaled(*network.size.applied(*size))
    ratio = (learned.focal_x_px * learned.focal_y_px / used.focal_x_px / used.focal_y_px) ** 0.5
    # The sides that the network sees are multiples of 14, the square's too.
    assert ratio == pytest.approx(1.0, abs=0.1 if size != (40, 64) else 0.25)


def test_images_of_several_sizes_are_refused_where_the_network_keeps_them(save):
    network = zoo.load_trainable(save("glpn"), zoo_card(NAMES["glpn"]))
    with pytest.raises(InputError, match=r"one size for the metres of glpn-nyu, got 64x32 and 32x64 \(image 1\)"):
        usual_augmentation(network, DepthPart(Images((32, 64), (64, 32)), [0, 1]))
    assert usual_augmentation(network, DepthPart(Images((32, 64), (32, 64)), [0, 1])).crop == (32, 64)


@pytest.mark.parametrize("build", ["depth_anything", "dpt"])
def test_the_network_s_size_is_that_of_its_processor(save, build):
    folder = save(build)
    rule = zoo.load_trainable(folder, zoo_card(NAMES[build])).size
    _, processor = load_parts(folder, zoo_card(NAMES[build]), "cpu")
    for height, width in [(40, 64), (60, 90), (64, 40), (50, 58), (58, 50), (30, 30), (200, 90), (120, 120), (40, 200)]:
        pixels = processor(np.zeros((height, width, 3), np.uint8), return_tensors="pt")["pixel_values"]
        assert rule.applied(height, width) == tuple(pixels.shape[2:]), (height, width)


def test_data_comes_from_shards_and_from_images(data, tmp_path):
    image, depth = example_image()
    metres = depth.astype(np.float32) / 1000.0
    sample = DepthSample("a", image, DepthMap(metres, depth > 0, "metric"))
    write_depth_shard(tmp_path / "a.tar", [(replace(sample, key=f"s{index}"), {}) for index in range(20)])
    learned, judged = split(str(tmp_path), "", None)
    assert (len(learned), len(judged)) == (18, 2)
    learned, judged = split(str(tmp_path), str(data), None)
    assert (len(learned), len(judged)) == (20, 3)
    found = judged[0]
    np.testing.assert_allclose(found.depth, metres)
    assert (found.valid == (depth > 0)).all()
    near = DepthPart(open_depth(str(data)), [0], farthest_m=1.5)
    # Row r is at 1 + r / 30 m, so that 1.5 m is row 15.
    assert near[0].valid.any(axis=1).tolist() == [row <= 15 for row in range(60)]


def test_depth_images_in_another_unit(recipe, data):
    """KITTI's 1/256 m: the same samples are 3.9 times as far."""
    unit, notes = unit_of_images((str(data), None), None)
    assert (unit, len(notes), "read as millimetres" in notes[0]) == ("mm", 1, True)
    assert unit_of_images((str(data),), "1/256") == ("1/256", ())
    assert unit_of_images((str(data / "none"), ""), None) == ("mm", ())
    metres = open_depth(str(data))[0].depth
    np.testing.assert_allclose(open_depth(str(data), 256.0)[0].depth, metres * np.float32(1000 / 256), rtol=1e-6)
    learner = FinetunedZoo(replace(recipe, depth_unit="1/256"))
    np.testing.assert_allclose(learner.learned[0].depth, learner.judged[0].depth)
    np.testing.assert_allclose(learner.learned[0].depth, metres * np.float32(1000 / 256), rtol=1e-6)
    with pytest.raises(InputError, match="expected mm, cm or 1/N, such as 1/256"):
        replace(recipe, depth_unit="1/x")


def test_data_without_truth_is_refused(data, tmp_path):
    with pytest.raises(InputError, match=r"expected shards .* or images with depth, in .*none"):
        open_depth(str(tmp_path / "none"))
    with pytest.raises(InputError, match=r"expected known depth up to the network's 0\.5 m"):
        split(str(data), "", 0.5)
    bare = write_images(tmp_path / "bare", 1)
    cv2.imwrite(str(bare / "depth" / "0.png"), np.zeros((60, 92), np.uint16))
    with pytest.raises(InputError, match="expected known depth in"):
        split(str(data), str(bare), None)
    (bare / "depth" / "0.png").unlink()
    with pytest.raises(InputError, match="expected depth for some of the 1 images"):
        open_depth(str(bare))


def test_what_cannot_be_learned_is_refused(recipe, save, tmp_path):
    with pytest.raises(InputError, match="multiples of 14 for depth-anything-v2-small"):
        FinetunedZoo(replace(recipe, augmentation=MonoAugmentation(crop=(60, 84))))
    metric = replace(recipe, model=NAMES["metric_depth_anything"], source=str(save("metric_depth_anything")))
    with pytest.raises(InputError, match=r"scale \[1, 1\] and log2_stretch 0"):
        FinetunedZoo(replace(metric, augmentation=MonoAugmentation(crop=(56, 84))))
    with pytest.raises(InputError, match="expected a rank of at least 0"):
        replace(recipe, lora=-1)
    folder = save("depth_anything")
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**settings, "image_std": [0.2, 0.0, 0.2]}))
    with pytest.raises(InputError, match="image_mean and image_std above 0"):
        zoo.load_trainable(folder, zoo_card(NAMES["depth_anything"]))


def test_without_its_packages_the_extra_is_named(recipe, save, monkeypatch):
    network = zoo.load_trainable(save("depth_anything"), zoo_card(NAMES["depth_anything"]))
    monkeypatch.setattr(zoo, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"package peft.*leadline\[zoo\]"):
        zoo.with_lora(network, 2)
    with pytest.raises(MissingExtraError, match=r"package transformers.*leadline\[zoo\]"):
        zoo.load_trainable(Path(recipe.source), network.card)


def test_onnx_that_is_not_to_be_had_is_said(save, tmp_path, monkeypatch):
    network = zoo.load_trainable(save("depth_anything"), zoo_card(NAMES["depth_anything"]))
    with monkeypatch.context() as patched:
        patched.setattr(torch.onnx, "export", lambda *_, **__: 1 / 0)
        with pytest.raises(InputError, match=r"expected a network that ONNX can hold.*division by zero"):
            export.export_zoo(network, tmp_path / "a.onnx", "a", (56, 84))
    with monkeypatch.context() as patched:
        patched.setattr(export, "_MOST_BYTES", 20_000)
        with pytest.raises(
            InputError, match=r"at most 2e-05 GB of weights for one ONNX file, got .* of depth-anything"
        ):
            export.export_zoo(network, tmp_path / "a.onnx", "a", (56, 84))
    monkeypatch.setattr(export, "_graph", lambda _: b"")
    monkeypatch.setattr(export, "_parity", lambda *_: 0.5)
    with pytest.raises(InputError, match=r"torch and ONNX within 0\.001 of the range, got 0\.5"):
        export.export_zoo(network, tmp_path / "a.onnx", "a", (56, 84))
    assert list(tmp_path.iterdir()) == []


def test_the_command_leaves_a_model_that_mono_takes(save, data, tmp_path, capsys):
    source, out = save("depth_anything"), tmp_path / "out"
    words = ["finetune", NAMES["depth_anything"], str(data), "--source", str(source), "--output", str(out)]
    words += ["--steps", "2", "--batch-size", "2", "--lora", "2", "--learning-rate", "0.003"]
    # In a process of its own: the exporter warns, and tracing what is type-checked at every call is slow.
    code = "import sys; from leadline.apps.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "fine-tuned on 2 images, judged on 1: AbsRel" in done.stdout
    summary = json.loads((out / "summary.json").read_text())
    assert summary["parity"] < 1e-3
    assert summary["improved"] == (summary["after"]["AbsRel"] < summary["before"]["AbsRel"])
    assert summary["recipe"]["lora"] == 2
    assert {path.name for path in out.iterdir()} >= {"model", "adapter", "model.onnx", "model.yaml", "last.ckpt"}
    config = json.loads((out / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["base_model_name_or_path"]) == (2, "depth-anything/Depth-Anything-V2-Small-hf")
    image = str(data / "color" / "0.png")
    assert main(["mono", image, "--model", str(out / "model.onnx"), "--output", str(tmp_path / "onnx")]) == 0
    assert json.loads((tmp_path / "onnx" / "summary.json").read_text())["kind"] == "affine_inverse"
    route = ["--model", NAMES["depth_anything"], "--source", str(out / "model")]
    assert main(["mono", image, *route, "--output", str(tmp_path / "torch")]) == 0
    capsys.readouterr()
    assert main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    (out / "summary.json").unlink()
    assert main([*words, "--seed", "7"]) == 2
    assert "expected a checkpoint of the same run" in capsys.readouterr().err


def test_sigterm_ends_with_143_and_leaves_no_result(save, data, tmp_path, capsys, monkeypatch):
    """`finetune && export` must not go on with half of a training."""
    taken = DepthPart.__getitem__
    seen = list[int]()

    def asked_to_end(part, index):
        seen.append(index)
        if len(seen) == 12:
            os.kill(os.getpid(), signal.SIGTERM)
        return taken(part, index)

    monkeypatch.setattr(DepthPart, "__getitem__", asked_to_end)
    out = tmp_path / "out"
    words = ["finetune", NAMES["depth_anything"], str(data), "--source", str(save("depth_anything"))]
    assert main([*words, "--output", str(out), "--steps", "50", "--batch-size", "2"]) == 143
    assert "terminated" in capsys.readouterr().err
    assert not (out / "summary.json").exists()
    assert not (out / "model").exists()


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("nobody", [], "got 'nobody'"),
        ("marigold-v1-1", ["--accept-licence"], "got marigold-v1-1 (marigold), which draws depth by diffusion"),
        ("depth-pro", [], "licence of depth-pro to be accepted"),
        ("depth-anything-v2-base", [], "licence of depth-anything-v2-base to be accepted"),
        ("depth-anything-v2-small", ["--loss", "silog"], "whose depth is affine_inverse, got silog"),
        ("depth-anything-v2-small", ["--steps", "0"], "at least 1 step"),
        ("dpt-large", [], "expected a network of type dpt"),
        ("depth-anything-v2-metric-indoor-small", [], "expected a metric network"),
    ],
)
def test_what_makes_no_sense_is_one_line(save, data, tmp_path, capsys, name, words, message):
    source = str(save("depth_anything"))
    capsys.readouterr()
    assert main(["finetune", name, str(data), "--source", source, "--output", str(tmp_path / "out"), *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()


def test_a_worse_network_is_called_worse(capsys):
    from leadline.apps.cli.finetune import _tell

    class Report:
        rows = (type("Row", (), {"alignment": "none"}),)
        scene_names = staticmethod(lambda: ("a",))

    class Worse:
        report, learned, parity, no_onnx = Report, 2, None, "why"
        improved = False
        scores = staticmethod(lambda method: {"AbsRel": 0.1 if method == "before" else 0.2, "delta<1.25": 0.5})

    assert Finetuned.improved.fget(Worse) is False
    _tell(Path("out"), FinetuneRecipe(model="glpn-nyu", data="a", validation=""), Worse)
    done = capsys.readouterr()
    assert "no ONNX file: why" in done.out
    assert "--source out/model" in done.out
    assert "fine-tuning did not help: AbsRel 0.1 before, 0.2 after" in done.err
