"""Marigold against its own pipeline, on a network small enough to draw in a second."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leadline.errors import InputError, MissingExtraError
from leadline.models.zoo import DiffusionOptions, load_zoo

REASON = 'no diffusers: pip install "leadline[zoo]"'
transformers = pytest.importorskip("transformers", reason=REASON)
diffusers = pytest.importorskip("diffusers", reason=REASON)

MODEL = "marigold-v1-1"


def _tokenizer(folder: Path) -> Any:
    words = [
        "<|startoftext|>",
        "<|endoftext|>",
        *(chr(97 + i) for i in range(26)),
        *(chr(97 + i) + "</w>" for i in range(26)),
    ]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The whole pipeline, random, with a scheduler whose steps are leading as in version 1.0."""
    torch.manual_seed(0)
    target = tmp_path_factory.mktemp("marigold")
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=8,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=4,
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
    )
    text = transformers.CLIPTextConfig(
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        vocab_size=54,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        max_position_embeddings=77,
    )
    scheduler = diffusers.DDIMScheduler(
        beta_schedule="scaled_linear", timestep_spacing="leading", prediction_type="v_prediction", clip_sample=False
    )
    pipeline = diffusers.MarigoldDepthPipeline(
        unet=unet,
        vae=vae,
        scheduler=scheduler,
        text_encoder=transformers.CLIPTextModel(text),
        tokenizer=_tokenizer(tmp_path_factory.mktemp("tokenizer")),
        prediction_type="depth",
        default_denoising_steps=2,
        default_processing_resolution=48,
    )
    pipeline.save_pretrained(str(target), safe_serialization=True)
    return target


def draw(folder: Path, image: np.ndarray, spacing: str = "trailing", **options: Any) -> np.ndarray:
    """The pipeline as its documentation uses it."""
    pipeline = diffusers.MarigoldDepthPipeline.from_pretrained(str(folder))
    pipeline.scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config, timestep_spacing=spacing)
    pipeline.set_progress_bar_config(disable=True)
    from PIL import Image

    drawn = pipeline(Image.fromarray(image), generator=torch.Generator().manual_seed(4), **options)
    return drawn.prediction[0, :, :, 0]


@pytest.mark.parametrize(
    ("options", "same"),
    [
        (DiffusionOptions(seed=4), {}),
        (DiffusionOptions(steps=1, seed=4), {"num_inference_steps": 1}),
        (DiffusionOptions(steps=1, ensemble=3, seed=4), {"num_inference_steps": 1, "ensemble_size": 3}),
    ],
)
def test_depth_is_the_pipeline_s(folder, image, options, same) -> None:
    depth = load_zoo(MODEL, folder, accept_licence=True, diffusion=options)(image)
    expected = draw(folder, image, **same)
    assert np.ptp(expected) > 1e-2
    np.testing.assert_allclose(depth.depth, expected, atol=1e-4)
    assert depth.kind == "affine_depth"
    assert depth.valid.all()


def test_steps_are_trailing(folder, image) -> None:
    found = load_zoo(MODEL, folder, accept_licence=True, diffusion=DiffusionOptions(steps=1, seed=4))(image)
    leading = draw(folder, image, "leading", num_inference_steps=1)
    assert np.abs(found.depth - leading).max() > 1e-3


def test_the_seed_decides(folder, image) -> None:
    method = load_zoo(MODEL, folder, accept_licence=True)
    np.testing.assert_array_equal(method(image).depth, method(image).depth)
    other = load_zoo(MODEL, folder, accept_licence=True, diffusion=DiffusionOptions(seed=1))
    assert np.abs(method(image).depth - other(image).depth).max() > 1e-3


def test_options_that_draw_nothing() -> None:
    for wrong in ({"steps": 0}, {"ensemble": 0}):
        with pytest.raises(InputError, match="of at least 1, got 0"):
            DiffusionOptions(**wrong)


def test_folders_that_do_not_hold_it(folder, tmp_path, monkeypatch) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    (tmp_path / "model_index.json").write_text(json.dumps({**index, "prediction_type": "disparity"}))
    with pytest.raises(InputError, match="expected a MarigoldDepthPipeline for depth"):
        load_zoo(MODEL, tmp_path, accept_licence=True)
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"as safetensors in .* could not load them"):
        load_zoo(MODEL, tmp_path, accept_licence=True)
    monkeypatch.setattr("leadline.models.zoo.loading.find_spec", lambda name: None if name == "diffusers" else True)
    with pytest.raises(MissingExtraError, match=r"diffusers, found none; .*leadline\[zoo\]"):
        load_zoo(MODEL, folder, accept_licence=True)
