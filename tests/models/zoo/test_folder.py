"""A folder with a network's files: no code in it is run, no other weights are read, nobody is asked, no network."""

import json
import socket
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from leadline.errors import InputError
from leadline.models.zoo import load_zoo
from leadline.models.zoo.folder import require_plain


class _NeverRead:
    """A terminal that says yes to everything; to be asked is the failure."""

    def __init__(self) -> None:
        self.asked = False

    def readline(self, *_: object) -> str:
        self.asked = True
        return "y\n"


def _trap(folder: Path) -> Path:
    """Code that leaves a mark when it is run."""
    mark = folder / "it_ran"
    (folder / "trap.py").write_text(f"open({str(mark)!r}, 'w')\nclass Trap: ...\n")
    return mark


@pytest.mark.parametrize(
    ("file", "key"),
    [("preprocessor_config.json", "AutoImageProcessor"), ("config.json", "AutoModelForDepthEstimation")],
)
@pytest.mark.parametrize("nested", [False, True])
def test_code_beside_weights_is_refused_without_a_question(save, monkeypatch, file, key, nested) -> None:
    folder = save("depth_anything")
    mark, terminal = _trap(folder), _NeverRead()
    monkeypatch.setattr(sys, "stdin", terminal)
    settings = json.loads((folder / file).read_text())
    (settings.setdefault("backbone_config", {}) if nested else settings)["auto_map"] = {key: "trap.Trap"}
    (folder / file).write_text(json.dumps(settings))
    with pytest.raises(InputError, match=rf"{file}, got 'auto_map', which names code") as refused:
        load_zoo("depth-anything-small", folder)
    assert "\n" not in str(refused.value)
    assert not mark.exists()
    assert not terminal.asked


def test_a_question_that_is_not_asked_even_where_the_check_is_gone(save, monkeypatch) -> None:
    folder = save("depth_anything")
    mark, terminal = _trap(folder), _NeverRead()
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr("leadline.models.zoo.source.require_plain", lambda folder: None)
    path = folder / "preprocessor_config.json"
    settings = {**json.loads(path.read_text()), "image_processor_type": "Trap"}
    path.write_text(json.dumps({**settings, "auto_map": {"AutoImageProcessor": "trap.Trap"}}))
    with pytest.raises(InputError, match=r"expected preprocessor_config.json of LiheYoung"):
        load_zoo("depth-anything-small", folder)
    assert not mark.exists()
    assert not terminal.asked


@pytest.mark.parametrize(
    "name",
    ["../outside.bin", "../outside.safetensors", "weights.bin", "weights.pt", "/etc/w.safetensors", "a\\w.safetensors"],
)
def test_weights_elsewhere_or_pickled_are_refused(save, name) -> None:
    folder = save("depth_anything")
    torch.save({"x": torch.zeros(1)}, folder.parent / "outside.bin")
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    index = {"metadata": {}, "weight_map": {"head.weight": "part.safetensors", "x": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"expected only safetensors of its own folder in .*index.json, got"):
        load_zoo("depth-anything-small", folder)


def test_an_index_of_its_own_safetensors_is_read(save, image) -> None:
    folder = save("depth_anything")
    expected = load_zoo("depth-anything-small", folder)(image).depth
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", "pt") as weights:
        names = list(weights.keys())
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, "part.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert (load_zoo("depth-anything-small", folder)(image).depth == expected).all()


def test_a_pipeline_whose_part_is_a_file_of_code_is_refused(tmp_path) -> None:
    parts = {"_class_name": "MarigoldDepthPipeline", "vae": ["diffusers", "AutoencoderKL"]}
    (tmp_path / "model_index.json").write_text(json.dumps(parts))
    require_plain(tmp_path)
    (tmp_path / "model_index.json").write_text(json.dumps({**parts, "unet": ["my_unet", "Net"]}))
    with pytest.raises(InputError, match=r"got unet of 'my_unet'; code that comes with weights is never run"):
        require_plain(tmp_path)


def test_an_adapter_beside_the_network_is_refused(tmp_path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match=r"expected a network alone in .*, got adapter_config.json too"):
        require_plain(tmp_path)


def test_a_huge_settings_file_is_not_read(tmp_path) -> None:
    with (tmp_path / "config.json").open("wb") as handle:
        handle.truncate(1 << 30)
    with pytest.raises(InputError, match=r"expected settings of at most 67108864 bytes, got 1073741824"):
        require_plain(tmp_path)


@pytest.mark.parametrize("names_a_backbone", [False, True])
def test_a_folder_on_this_machine_needs_no_network(save, image, monkeypatch, names_a_backbone) -> None:
    asked = []

    def refuse(host: object, *_: object, **__: object) -> None:
        asked.append(host)
        raise OSError("no network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: refuse(address))
    folder = save("dpt")
    if names_a_backbone:
        path = folder / "config.json"
        named = {"backbone": "microsoft/resnet-50", "use_pretrained_backbone": True, "backbone_config": None}
        path.write_text(json.dumps({**json.loads(path.read_text()), **named, "is_hybrid": True}))
    with suppress(InputError):
        load_zoo("dpt-large", folder)(image)
    assert asked == []
