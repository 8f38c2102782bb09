"""Networks of the external families, tiny and random, in the layout of their repositories."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

NO_EXTRA = 'no transformers: pip install "leadline[zoo]"'
_DPT_HEAD = {"reassemble_factors": [4, 2, 1, 0.5], "neck_hidden_sizes": [4, 4, 8, 8], "fusion_hidden_size": 8}


def library() -> Any:
    """Imported at the first use: without the extra, the tests that need it are skipped and the others run."""
    return import_module("transformers")


def lively(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Weights that are far enough from 0 for every layer to matter; biases above it, so that no ReLU is dead."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in network.named_parameters():
        spread = 0.3 / max(1, weight[0].numel()) ** 0.5 if weight.ndim > 1 else 0.05
        middle = 1.0 if "norm" in name and name.endswith("weight") else 0.1 if name.endswith("bias") else 0.0
        weight.data.normal_(middle, spread * 3, generator=generator)
    return network


def dinov2(image_size: int = 56, layers: int = 4) -> Any:
    return library().Dinov2Config(
        image_size=image_size,
        patch_size=14,
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        mlp_ratio=1,
        out_indices=[1, 2, 3, 4][:layers],
        reshape_hidden_states=False,
    )


def _dpt_processor(multiple: int, side: int, keep: bool = True, **changes: object) -> dict[str, object]:
    return {
        "image_processor_type": "DPTImageProcessor",
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "ensure_multiple_of": multiple,
        "keep_aspect_ratio": keep,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "rescale_factor": 1 / 255,
        "resample": 3,
        "size": {"height": side, "width": side},
        **changes,
    }


def depth_anything(**changes: object) -> tuple[torch.nn.Module, dict[str, object]]:
    config = library().DepthAnythingConfig(
        backbone_config=dinov2(), reassemble_hidden_size=16, head_hidden_size=4, **_DPT_HEAD, **changes
    )
    return library().DepthAnythingForDepthEstimation(config), _dpt_processor(14, 56)


def metric_depth_anything() -> tuple[torch.nn.Module, dict[str, object]]:
    return depth_anything(depth_estimation_type="metric", max_depth=20)


def prompt_depth_anything(**changes: object) -> tuple[torch.nn.Module, dict[str, object]]:
    config = library().PromptDepthAnythingConfig(
        backbone_config=dinov2(), reassemble_hidden_size=16, head_hidden_size=4, **_DPT_HEAD, **changes
    )
    processor = _dpt_processor(14, 56, image_processor_type="PromptDepthAnythingImageProcessor")
    return library().PromptDepthAnythingForDepthEstimation(config), processor


def dpt() -> tuple[torch.nn.Module, dict[str, object]]:
    config = library().DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=64,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        **_DPT_HEAD,
    )
    return library().DPTForDepthEstimation(config), _dpt_processor(1, 64, keep=False)


def dpt_hybrid() -> tuple[torch.nn.Module, dict[str, object]]:
    backbone = {
        "model_type": "bit",
        "global_padding": "same",
        "layer_type": "bottleneck",
        "depths": [1, 1, 1],
        "hidden_sizes": [8, 8, 16],
        "embedding_size": 8,
        "num_groups": 4,
        "out_features": ["stage1", "stage2", "stage3"],
        "embedding_dynamic_padding": True,
    }
    config = library().DPTConfig(
        is_hybrid=True,
        backbone_config=backbone,
        backbone_featmap_shape=[1, 16, 4, 4],
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=64,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_ignore_stages=[0, 1],
        **{**_DPT_HEAD, "reassemble_factors": [1, 1, 1, 0.5], "neck_hidden_sizes": [8, 8, 8, 8]},
    )
    return library().DPTForDepthEstimation(config), _dpt_processor(1, 64, keep=False)


def zoedepth(domains: int = 2) -> tuple[torch.nn.Module, dict[str, object]]:
    backbone = library().BeitConfig(
        image_size=64,
        patch_size=16,
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
        use_relative_position_bias=True,
        reshape_hidden_states=False,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = library().ZoeDepthConfig(
        backbone_config=backbone,
        num_relative_features=4,
        bottleneck_features=8,
        num_attractors=[4, 2, 2, 1],
        bin_embedding_dim=8,
        bin_configurations=[
            {"name": "nyu", "n_bins": 8, "min_depth": 0.001, "max_depth": 10.0},
            {"name": "kitti", "n_bins": 8, "min_depth": 0.001, "max_depth": 80.0},
        ][:domains],
        num_patch_transformer_layers=4,
        patch_transformer_hidden_size=128,
        patch_transformer_intermediate_size=8,
        patch_transformer_num_attention_heads=2,
        **_DPT_HEAD,
    )
    processor = _dpt_processor(32, 64, image_processor_type="ZoeDepthImageProcessor", do_pad=True, resample=2)
    return library().ZoeDepthForDepthEstimation(config), {**processor, "size": {"height": 64, "width": 96}}


def glpn() -> tuple[torch.nn.Module, dict[str, object]]:
    config = library().GLPNConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[4, 4, 8, 8],
        num_attention_heads=[1, 1, 2, 2],
        mlp_ratios=[1, 1, 1, 1],
        decoder_hidden_size=8,
        max_depth=10,
    )
    processor = {
        "image_processor_type": "GLPNImageProcessor",
        "do_resize": True,
        "do_rescale": True,
        "size_divisor": 32,
    }
    return library().GLPNForDepthEstimation(config), {**processor, "resample": 2}


def depth_pro(use_fov_model: bool = True) -> tuple[torch.nn.Module, dict[str, object]]:
    encoder = dinov2(28, 2).to_dict()
    config = library().DepthProConfig(
        patch_size=28,
        fusion_hidden_size=8,
        intermediate_hook_ids=[1, 0],
        intermediate_feature_dims=[8, 8],
        scaled_images_ratios=[0.5, 1.0],
        scaled_images_overlap_ratios=[0.0, 0.25],
        scaled_images_feature_dims=[8, 8],
        use_fov_model=use_fov_model,
        image_model_config=encoder,
        patch_model_config=encoder,
        fov_model_config=encoder,
    )
    processor = {"image_processor_type": "DepthProImageProcessor", "size": {"height": 56, "width": 56}}
    means = {"image_mean": [0.5, 0.4, 0.5], "image_std": [0.5, 0.5, 0.25]}
    return library().DepthProForDepthEstimation(config), {**processor, **means}


def _sensible_depth_pro(network: torch.nn.Module) -> None:
    """A field of view of about 60 degrees, and inverse depth away from the ends of its range."""
    network.head.layers[-2].bias.data.fill_(0.3)
    if network.fov_model is not None:
        network.fov_model.head.layers[-1].bias.data.fill_(60.0)


BUILDERS: dict[str, Callable[..., tuple[torch.nn.Module, dict[str, object]]]] = {
    "depth_anything": depth_anything,
    "metric_depth_anything": metric_depth_anything,
    "prompt_depth_anything": prompt_depth_anything,
    "dpt": dpt,
    "dpt_hybrid": dpt_hybrid,
    "zoedepth": zoedepth,
    "glpn": glpn,
    "depth_pro": depth_pro,
}


@pytest.fixture(scope="session")
def save(tmp_path_factory) -> Callable[..., Path]:
    """Writes a network that a builder makes into a new folder, as its repository has it."""
    pytest.importorskip("transformers", reason=NO_EXTRA)

    def written(builder: str, **changes: object) -> Path:
        folder = tmp_path_factory.mktemp(builder)
        network, processor = BUILDERS[builder](**changes)
        lively(network)
        if builder == "depth_pro":
            _sensible_depth_pro(network)
        network.save_pretrained(folder)
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
        return folder

    return written


@pytest.fixture(scope="session")
def image() -> np.ndarray:
    """Neither side is a multiple of what any family wants."""
    return np.random.default_rng(3).integers(0, 256, (60, 92, 3), dtype=np.uint8)
