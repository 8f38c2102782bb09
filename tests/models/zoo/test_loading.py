"""What `load_zoo` refuses, and how it says so."""

import importlib.util
import json
import shutil

import numpy as np
import pytest
import torch

from leadline.errors import InputError, MissingExtraError
from leadline.models.zoo import ZOO, DiffusionOptions, load_zoo, zoo_card

FREE = {"Apache-2.0", "MIT"}
PLACES, SIZES = ("indoor", "outdoor"), ("small", "base", "large")


def test_cards() -> None:
    assert {card.family for card in ZOO.values()} == {
        "depth_anything",
        "prompt_depth_anything",
        "dpt",
        "zoedepth",
        "depth_pro",
        "glpn",
        "marigold",
    }
    assert len({card.hub_id for card in ZOO.values()}) == len(ZOO)
    for name, card in ZOO.items():
        assert card.name == name
        assert (card.restriction is None) == (card.licence in FREE)
        assert card.commercial_use or card.restriction is not None
    indoor = ZOO["depth-anything-v2-metric-indoor-large"]
    assert indoor.hub_id == "depth-anything/Depth-Anything-V2-Metric-Indoor-Large-hf"
    assert (indoor.kind, indoor.licence, indoor.commercial_use) == ("metric", "CC-BY-NC-4.0", False)
    assert ZOO["depth-anything-v2-small"].hub_id == "depth-anything/Depth-Anything-V2-Small-hf"
    with pytest.raises(InputError, match=r"expected one of depth-anything-small, .* got 'midas'"):
        zoo_card("midas")


def test_paper_scores() -> None:
    for card in ZOO.values():
        assert len({(score.dataset, score.metric) for score in card.paper_scores}) == len(card.paper_scores)
        for score in card.paper_scores:
            assert 0.0 < score.value < (100.0 if score.metric == "delta>1.25 %" else 1.0)
            assert score.where.startswith("Table ")
            assert score.protocol
    assert {name for name, card in ZOO.items() if not card.paper_scores} == {
        *(f"depth-anything-v2-metric-{place}-{size}" for place in PLACES for size in SIZES),
        *(f"prompt-depth-anything-{size}" for size in ("small", "small-transparent", "large")),
        "depth-pro",
        "marigold-v1-1",
    }


@pytest.mark.parametrize(
    ("name", "dataset", "metric", "value", "where"),
    [  # read off the papers' tables
        ("depth-anything-small", "KITTI", "AbsRel", 0.080, "Table 2"),
        ("depth-anything-large", "NYUv2", "delta<1.25", 0.981, "Table 2"),
        ("depth-anything-v2-base", "NYU-D", "AbsRel", 0.049, "Table 2"),
        ("depth-anything-v2-large", "KITTI", "delta<1.25", 0.946, "Table 2"),
        ("dpt-large", "KITTI", "delta>1.25 %", 8.46, "Table 1"),
        ("midas-dpt-hybrid", "NYU", "delta>1.25 %", 8.69, "Table 1"),
        ("zoedepth-nyu", "NYU Depth v2", "AbsRel", 0.075, "Table 1"),
        ("zoedepth-kitti", "Virtual KITTI 2", "delta<1.25", 0.864, "Table 4"),
        ("zoedepth-nyu-kitti", "KITTI", "AbsRel", 0.057, "Table 2"),
        ("glpn-nyu", "NYU Depth V2", "delta<1.25", 0.915, "Table 1"),
        ("glpn-kitti", "KITTI", "AbsRel", 0.057, "Table 6"),
    ],
)
def test_a_paper_score(name, dataset, metric, value, where) -> None:
    (score,) = (score for score in ZOO[name].paper_scores if (score.dataset, score.metric) == (dataset, metric))
    assert (score.value, score.where) == (value, where)


@pytest.mark.parametrize("name", [name for name, card in ZOO.items() if card.restriction is not None])
def test_a_licence_with_restrictions_must_be_accepted(name, tmp_path) -> None:
    card = ZOO[name]
    with pytest.raises(InputError, match=rf"{card.licence} {card.restriction}; .*accept_licence=True"):
        load_zoo(name, tmp_path)


def test_an_accepted_licence_lets_the_weights_in(save, image) -> None:
    folder = save("depth_anything")
    assert load_zoo("depth-anything-v2-large", folder, accept_licence=True)(image).valid.all()


@pytest.mark.parametrize("offline", [True, False])
def test_no_network_and_no_copy(tmp_path, monkeypatch, offline) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub._snapshot_download.HfApi", _NoHub)
    with pytest.raises(InputError, match="no copy in the cache and no network") as refused:
        load_zoo("midas-dpt-hybrid")
    message = str(refused.value)
    assert "\n" not in message
    assert "hf download Intel/dpt-hybrid-midas --revision refs/pr/5 --local-dir FOLDER" in message


class _NoHub:
    """A hub that cannot be reached."""

    def __init__(self, **_: object) -> None:
        pass

    def __getattr__(self, name: str) -> object:
        raise OSError("network is unreachable")


def test_a_copy_in_the_cache_needs_no_network(save, tmp_path, monkeypatch, image) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--LiheYoung--depth-anything-small-hf"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123abcd")
    folder = save("depth_anything")
    shutil.copytree(folder, repository / "snapshots" / "0123abcd")
    cached, given = load_zoo("depth-anything-small")(image), load_zoo("depth-anything-small", folder)(image)
    np.testing.assert_array_equal(cached.depth, given.depth)


@pytest.mark.parametrize("package", ["torch", "transformers", "safetensors"])
def test_a_missing_package_names_the_extra(monkeypatch, tmp_path, package) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("leadline.models.zoo.loading.find_spec", lambda name: None if name == package else find(name))
    with pytest.raises(MissingExtraError, match=rf"{package}, found none; .*leadline\[zoo\]"):
        load_zoo("dpt-large", tmp_path)


def test_folders_that_do_not_hold_the_network(save, tmp_path) -> None:
    with pytest.raises(InputError, match=r"expected a folder with the files of Intel/dpt-large"):
        load_zoo("dpt-large", tmp_path / "gone")
    with pytest.raises(InputError, match=r"expected config.json of Intel/dpt-large"):
        load_zoo("dpt-large", tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(InputError, match=r"expected a JSON object .* got list"):
        load_zoo("dpt-large", tmp_path)
    with pytest.raises(InputError, match="type glpn for glpn-nyu, got depth_anything"):
        load_zoo("glpn-nyu", save("depth_anything"))
    with pytest.raises(InputError, match=r"expected a relative network .* got a metric one"):
        load_zoo("depth-anything-v2-small", save("metric_depth_anything"))
    with pytest.raises(InputError, match=r"expected a metric network .* got a relative one"):
        load_zoo("depth-anything-v2-metric-outdoor-small", save("depth_anything"))


def test_weights_must_be_safetensors_and_complete(save, image) -> None:
    from safetensors.torch import load_file, save_file

    folder = save("dpt")
    file = folder / "model.safetensors"
    weights = load_file(file)
    unused = {name for name in weights if name.startswith("neck.fusion_stage.layers.0.residual_layer1.")}
    assert len(unused) == 4
    save_file({name: weights[name] for name in weights if name not in unused}, file, {"format": "pt"})
    assert load_zoo("dpt-large", folder)(image).valid.all()
    save_file({name: weights[name] for name in weights if name != "head.head.0.weight"}, file, {"format": "pt"})
    with pytest.raises(InputError, match=r"1 are missing \(head.head.0.weight\)"):
        load_zoo("dpt-large", folder)
    file.write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"as safetensors in .* could not load them"):
        load_zoo("dpt-large", folder)
    file.unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"as safetensors in .*, found none, and pickled weights are never read; take"):
        load_zoo("dpt-large", folder)


def test_damaged_processing(save) -> None:
    folder = save("depth_anything")
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": "NoImageProcessor"}))
    with pytest.raises(InputError, match=r"expected preprocessor_config.json .* could not load"):
        load_zoo("depth-anything-small", folder)
    (folder / "preprocessor_config.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"expected preprocessor_config.json .* could not read it \(RecursionError\)"):
        load_zoo("depth-anything-small", folder)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(InputError, match=r"expected preprocessor_config.json .* could not read it"):
        load_zoo("depth-anything-small", folder)


def test_devices_and_options(save) -> None:
    folder = save("glpn")
    with pytest.raises(InputError, match="expected a device that this torch has, such as cpu, got 'gpu'"):
        load_zoo("glpn-nyu", folder, device="gpu")
    with pytest.raises(InputError, match="no diffusion options for glpn-nyu"):
        load_zoo("glpn-nyu", folder, diffusion=DiffusionOptions())


def test_images_and_prompts_that_are_refused(save, image) -> None:
    plain = load_zoo("glpn-nyu", save("glpn"))
    for wrong in (np.zeros((31, 64, 3), np.uint8), np.zeros((32, 257), np.uint8)):
        with pytest.raises(InputError, match=r"at least 32 px a side and at most 8 times .* got \("):
            plain(wrong)
    with pytest.raises(InputError, match="8-bit RGB or grey"):
        plain(np.zeros((64, 64, 4), np.uint8))
    assert plain(np.zeros((32, 256), np.uint8)).depth.shape == (32, 256)
    prompt = np.array([[1.0, 2.0]], dtype=np.float32)
    with pytest.raises(InputError, match="expected no prompt for glpn-nyu, got one"):
        plain(image, prompt)
    prompted = load_zoo("prompt-depth-anything-large", save("prompt_depth_anything"))
    with pytest.raises(InputError, match=r"expected a prompt of coarse metric depth .* got none"):
        prompted(image)
    for wrong in (prompt - 1.0, np.ones_like(prompt), prompt * np.float32(np.nan)):
        with pytest.raises(InputError, match="prompt of different depths in metres"):
            prompted(image, wrong)


def test_an_answer_that_is_not_finite(save, image) -> None:
    from safetensors.torch import load_file, save_file

    folder = save("glpn")
    weights = load_file(folder / "model.safetensors")
    weights["head.head.2.bias"].fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="expected finite depth from glpn-nyu"):
        load_zoo("glpn-nyu", folder)(image)


def test_importing_brings_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, leadline.models.zoo; assert not {'torch', 'transformers', 'diffusers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
