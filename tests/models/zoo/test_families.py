"""Every family gives what the library's own route gives, at the size of the image."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from leadline.errors import InputError
from leadline.models.zoo import load_zoo
from leadline.runtime.mono import MonoMethod

HEIGHT, WIDTH = 60, 92
transformers = pytest.importorskip("transformers", reason='no transformers: pip install "leadline[zoo]"')

PROMPT = np.linspace(1.0, 3.0, 48, dtype=np.float32).reshape(6, 8)


def library(folder: Path, **changes: object) -> tuple[torch.nn.Module, object]:
    network = transformers.AutoModelForDepthEstimation.from_pretrained(folder).eval()
    return network, transformers.AutoImageProcessor.from_pretrained(folder, backend="pil", **changes)


def library_route(folder: Path, image: np.ndarray, **inputs: object) -> np.ndarray:
    """Processor, network, post-processing, as the library's documentation has them."""
    network, processor = library(folder)
    with torch.no_grad():
        outputs = network(**processor(images=image, return_tensors="pt", **inputs))
    (result,) = processor.post_process_depth_estimation(outputs, target_sizes=[image.shape[:2]])
    return result["predicted_depth"].numpy()


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    assert np.ptp(expected) > 1e-3, "a constant answer would hide everything"
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.ptp(expected))


@pytest.mark.parametrize(
    ("build", "name", "kind"),
    [
        ("depth_anything", "depth-anything-small", "affine_inverse"),
        ("depth_anything", "depth-anything-v2-small", "affine_inverse"),
        ("metric_depth_anything", "depth-anything-v2-metric-indoor-small", "metric"),
        ("glpn", "glpn-kitti", "metric"),
    ],
)
def test_the_library_has_the_whole_route(save, build, name, kind, image) -> None:
    folder = save(build)
    method = load_zoo(name, folder)
    depth = method(image)
    assert_same(depth.depth, library_route(folder, image))
    assert depth.kind == kind
    assert depth.valid.all()
    assert depth.camera is None
    assert isinstance(method, MonoMethod)
    assert method.description == {"model": name, "licence": "Apache-2.0", "device": "cpu"}


def test_prompted_depth_spans_the_prompt(save, image) -> None:
    folder = save("prompt_depth_anything")
    method = load_zoo("prompt-depth-anything-small", folder)
    depth = method(image, PROMPT)
    assert_same(depth.depth, library_route(folder, image, prompt_depth=PROMPT, prompt_scale_to_meter=1.0))
    # The network works on the prompt's range: other metres, the same image of them.
    np.testing.assert_allclose(method(image, 2 * PROMPT + 1).depth, 2 * depth.depth + 1, rtol=1e-5)


@pytest.mark.parametrize("build", ["dpt", "dpt_hybrid"])
def test_dpt_on_a_square_is_the_library_s(save, build, image) -> None:
    folder = save(build)
    square = np.ascontiguousarray(np.resize(image, (64, 64, 3)))
    assert_same(load_zoo("dpt-large", folder)(square).depth, library_route(folder, square))


@pytest.mark.parametrize("build", ["dpt", "dpt_hybrid"])
def test_dpt_keeps_the_aspect(save, build, image) -> None:
    # 60 x 92 becomes 64 x 96, two thirds and not a square: put together from the network's parts.
    folder = save(build)
    network, processor = library(folder, keep_aspect_ratio=True, ensure_multiple_of=32)
    pixels = processor(images=image, return_tensors="pt")["pixel_values"]
    assert pixels.shape[2:] == (64, 96)
    vit = network.dpt
    with torch.no_grad():
        if build == "dpt":
            tokens, early = vit.embeddings(pixels).last_hidden_states, []
        else:
            embedded = vit.embeddings(pixels, interpolate_pos_encoding=True)
            tokens, early = embedded.last_hidden_states, list(embedded.intermediate_activations)
        layers = []
        for layer in vit.encoder.layer:
            tokens = layer(tokens)
            layers.append(tokens)
        states = [*early, *layers[len(early) :]]
        inverse = network.head(network.neck(states, 4, 6))
    expected = functional.interpolate(inverse[None], size=(HEIGHT, WIDTH), mode="bicubic", align_corners=False)[0, 0]
    depth = load_zoo("midas-dpt-hybrid", folder)(image)
    assert depth.kind == "affine_inverse"
    assert_same(depth.depth, expected.numpy())


def test_zoedepth_pads_mirrors_and_cuts(save, monkeypatch, image) -> None:
    folder = save("zoedepth")
    network, processor = library(folder)
    pixels = processor(images=image, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        outputs, flipped = network(pixels), network(pixels.flip(3))

    def resize(layer: torch.Tensor, size: list[int], **_: object) -> torch.Tensor:
        return functional.interpolate(layer[None], size=size, mode="bicubic", align_corners=False)[0]

    # The library's post-processing asks torchvision for nothing but this.
    module = transformers.models.zoedepth.image_processing_pil_zoedepth
    torchvision = SimpleNamespace(resize=resize, InterpolationMode=SimpleNamespace(BICUBIC=None))
    monkeypatch.setattr(module, "tvF", torchvision, raising=False)
    sizes = [(HEIGHT, WIDTH)]
    (result,) = processor.post_process_depth_estimation(outputs, source_sizes=sizes, outputs_flipped=flipped)
    depth = load_zoo("zoedepth-nyu-kitti", folder)(image)
    assert depth.kind == "metric"
    assert_same(depth.depth, result["predicted_depth"].numpy())
    # Seen in a mirror, the same depth comes back mirrored.
    np.testing.assert_allclose(load_zoo("zoedepth-nyu", folder)(image[:, ::-1]).depth, depth.depth[:, ::-1], rtol=1e-3)


def test_zoedepth_without_padding(save, image) -> None:
    folder = save("zoedepth")
    settings = folder / "preprocessor_config.json"
    settings.write_text(settings.read_text().replace('"do_pad": true', '"do_pad": false'))
    network, processor = library(folder)
    pixels = processor(images=image, return_tensors="pt")["pixel_values"]
    assert pixels.shape[2:] == (64, 96)
    with torch.no_grad():
        both = network(pixels).predicted_depth, network(pixels.flip(3)).predicted_depth.flip(2)
    expected = functional.interpolate(sum(both)[None] / 2, size=(HEIGHT, WIDTH), mode="bicubic", align_corners=False)
    assert_same(load_zoo("zoedepth-kitti", folder)(image).depth, expected[0, 0].numpy())


def test_depth_pro_is_metric_by_its_field_of_view(save, image) -> None:
    folder = save("depth_pro")
    depth = load_zoo("depth-pro", folder, accept_licence=True)(image)
    network = transformers.AutoModelForDepthEstimation.from_pretrained(folder).eval()
    normal = (image / 255.0 - [0.5, 0.4, 0.5]) / [0.5, 0.5, 0.25]
    seen = cv2.resize(normal.astype(np.float32), (56, 56), interpolation=cv2.INTER_LINEAR)
    with torch.no_grad():
        outputs = network(torch.from_numpy(seen.transpose(2, 0, 1)[None]))
    focal = 0.5 * WIDTH / np.tan(np.radians(float(outputs.field_of_view)) / 2)
    inverse = outputs.predicted_depth[0].numpy() * WIDTH / focal
    inverse = cv2.resize(inverse, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    assert_same(depth.depth, 1 / np.clip(inverse, 1e-4, 1e4))
    assert depth.kind == "metric"
    camera = depth.camera
    assert camera is not None
    # A field of view of 60 degrees is a focal length of 0.87 widths.
    assert camera.focal_x_px == camera.focal_y_px == pytest.approx(focal, rel=1e-4)
    assert 0.5 * WIDTH < focal < 1.5 * WIDTH
    assert (camera.center_x_px, camera.center_y_px) == ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)
    assert len(depth.to_cloud(image).points) > 0
    # Z = focal / (C width): twice the focal length, twice the metres, and the points keep their shape.
    method = load_zoo("depth-pro", folder, accept_licence=True)
    known = method.with_camera(depth, replace(camera, focal_x_px=2 * focal, focal_y_px=2 * focal))
    np.testing.assert_allclose(known.depth, 2.0 * depth.depth, rtol=1e-5)
    assert known.camera is not None
    assert known.camera.focal_x_px == 2 * focal


def test_depth_pro_needs_its_field_of_view(save, image) -> None:
    from safetensors.torch import load_file, save_file

    with pytest.raises(InputError, match="its depth has no scale"):
        load_zoo("depth-pro", save("depth_pro", use_fov_model=False), accept_licence=True)
    folder = save("depth_pro")
    weights = load_file(folder / "model.safetensors")
    name = max(name for name in weights if name.startswith("fov_model.head") and weights[name].shape == (1,))
    save_file({**weights, name: torch.tensor([-30.0])}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="between 0 and 180 degrees from Depth Pro, got -"):
        load_zoo("depth-pro", folder, accept_licence=True)(image)
    (folder / "preprocessor_config.json").write_text('{"size": 1536}')
    with pytest.raises(InputError, match="expected a size, image_mean and image_std"):
        load_zoo("depth-pro", folder, accept_licence=True)
