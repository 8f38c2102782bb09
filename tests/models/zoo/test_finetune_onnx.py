"""Fine-tuned networks as ONNX files: what torch says, said again by a graph and its card."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from leadline.models.zoo import load_zoo, zoo_card
from leadline.models.zoo import trainable as zoo
from leadline.runtime.onnx_card import load_onnx_card

pytest.importorskip("transformers", reason='no transformers: pip install "leadline[zoo]"')

_EXPORT = """
import sys
from pathlib import Path
from leadline.export.zoo import export_zoo
from leadline.models.zoo import load_zoo, zoo_card
from leadline.models.zoo.trainable import load_trainable
source, name, output, *views = sys.argv[1:]
print(export_zoo(load_trainable(Path(source), zoo_card(name)), Path(output), name, tuple(map(int, views))))
"""


def exported(source: Path, name: str, output: Path, views: tuple[int, int]) -> float:
    """Parity as the exporter finds it.

    In a process of its own: the exporter warns, and tracing what is type-checked at every call is slow.
    """
    words = [sys.executable, "-W", "ignore", "-c", _EXPORT, str(source), name, str(output), *map(str, views)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "domains"), [("zoedepth-nyu", 1), ("zoedepth-nyu-kitti", 2)])
def test_zoedepth_as_a_graph_of_one_size_votes_as_torch_does(save, tmp_path, image, name, domains):
    source, card = save("zoedepth", domains=domains), tmp_path / "zoe.yaml"
    network = zoo.load_trainable(source, zoo_card(name))
    images = [image]
    if domains == 2:
        images = images_of_both_domains(network, source)
    assert exported(source, name, tmp_path / "zoe.onnx", (64, 96)) < 1e-3
    assert yaml.safe_load(card.read_text())["size"] == {"side": "exact", "multiple_of": 1, "height": 64, "width": 96}
    method = load_onnx_card(card)
    for image in images:
        seen = torch.nn.functional.interpolate(
            torch.from_numpy(image).permute(2, 0, 1)[None] / 255.0, (64, 96), mode="bicubic", align_corners=False
        )
        with torch.no_grad():
            wanted = network(seen)[0].numpy()
        wanted = cv2.resize(wanted, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        found = method(image)
        assert found.kind == "metric"
        np.testing.assert_allclose(found.depth, wanted, rtol=1e-3)


def images_of_both_domains(network: zoo.ZooNetwork, source: Path) -> list[np.ndarray]:
    """Two images of which each domain wins one, once its writer has balanced the vote between them."""
    images = [np.full((64, 96, 3), level, np.uint8) for level in (30, 220)]
    votes: list[torch.Tensor] = []
    handle = network.plain.metric_head.mlp_classifier.register_forward_hook(lambda *args: votes.append(args[-1][0]))
    with torch.no_grad():
        for image in images:
            network(torch.from_numpy(image).permute(2, 0, 1)[None] / 255.0)
        handle.remove()
        leads = [float(vote[1] - vote[0]) for vote in votes]
        assert abs(leads[1] - leads[0]) > 1e-3
        network.plain.metric_head.mlp_classifier.linear2.bias[1] -= sum(leads) / 2
    network.plain.save_pretrained(source)
    return images


@pytest.mark.slow
def test_depth_pro_as_a_graph_gives_metres(save, tmp_path, image):
    source, card = save("depth_pro"), tmp_path / "pro.yaml"
    assert exported(source, "depth-pro", tmp_path / "pro.onnx", (60, 92)) < 1e-3
    stated = yaml.safe_load(card.read_text())
    assert stated["size"] == {"side": "exact", "multiple_of": 1, "height": 56, "width": 56}
    assert stated["interpolation"] == "linear"
    image = np.ascontiguousarray(image[:56, :56])
    depth = load_onnx_card(card)(image)
    assert depth.kind == "metric"
    wanted = load_zoo("depth-pro", source, accept_licence=True)(image).depth
    np.testing.assert_allclose(depth.depth, wanted, rtol=1e-3)
    assert np.ptp(wanted) > 0.1
