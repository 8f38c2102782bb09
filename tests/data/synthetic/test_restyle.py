"""New appearance keeps the truth: both views agree at it, edges of depth are seen, and other pairs are rejected."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leadline.apps.cli.main import main
from leadline.data.stereo.shards import StereoShards, write_stereo_shard
from leadline.data.synthetic.restyle import RestyleLimits, restyle_pair, right_from_left
from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.samples import StereoSample

diffusers = pytest.importorskip("diffusers", reason='no diffusers: pip install "leadline[zoo]"')
transformers = pytest.importorskip("transformers", reason='no transformers: pip install "leadline[zoo]"')
HEIGHT, WIDTH, NEAR, FAR = 32, 48, 8, 2


def scene() -> StereoSample:
    """A square at disparity 8, columns 20 to 31 of the left view, before a wall at disparity 2."""
    left, right = (np.full((HEIGHT, WIDTH), FAR, np.float32) for _ in range(2))
    left[8:24, 20:32], right[8:24, 12:24] = NEAR, NEAR
    known = np.ones((HEIGHT, WIDTH), bool)
    hidden_left, hidden_right = np.zeros_like(known), np.zeros_like(known)
    hidden_left[:, :FAR] = True  # left of the right view's border
    hidden_left[8:24, 14:20] = True  # behind the square, from the right
    hidden_right[:, WIDTH - FAR :] = True
    hidden_right[8:24, 24:30] = True
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    return StereoSample("scene", image, image, DisparityMap(left, known), hidden_left, DisparityMap(right, known),
                        hidden_right)  # fmt: skip


class Plain:
    """Paints the square in another colour than the wall, and holes red."""

    def __init__(self, blind: bool = False) -> None:
        self.blind = blind

    def paint(self, depth, seed):
        grey = np.random.default_rng(seed).integers(90, 110, depth.shape).astype(np.uint8)
        shown = grey if self.blind else np.where(depth > 200, 250, grey).astype(np.uint8)
        return np.repeat(shown[..., None], 3, axis=2)

    def fill(self, image, holes, depth, seed):
        return np.full_like(image, (255, 0, 0))


def test_the_right_view_follows_from_the_left_one():
    """With whole disparities each right pixel is a left one; only what the right view alone sees is painted."""
    sample = scene()
    made, found = restyle_pair(sample, Plain(), 3, RestyleLimits())
    assert made is not None
    assert found["residual"] == 0.0
    assert float(found["edge_support"]) > 2.0
    np.testing.assert_array_equal(made.right[10, 12:24], made.left[10, 20:32])
    np.testing.assert_array_equal(made.right[0, :46], made.left[0, 2:])
    np.testing.assert_array_equal((made.right == (255, 0, 0)).all(axis=-1), sample.right_occluded)
    assert made.truth is sample.truth


def test_pairs_that_do_not_keep_the_truth_are_rejected():
    made, found = restyle_pair(scene(), Plain(blind=True), 3, RestyleLimits())
    assert (made, found["rejected"]) == (None, "edges of depth are not seen")
    shifted = replace(scene(), truth=DisparityMap(scene().disparity + 3, scene().valid))
    made, found = restyle_pair(shifted, Plain(), 3, RestyleLimits())
    assert (made, found["rejected"]) == (None, "views differ")
    with pytest.raises(InputError, match="right view's truth to restyle scene"):
        right_from_left(scene().left, replace(scene(), right_truth=None))
    with pytest.raises(InputError, match="positive residual"):
        RestyleLimits(residual=0.0)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pipeline with random weights."""
    shape = {"sample_size": 8, "cross_attention_dim": 8, "attention_head_dim": 2, "norm_num_groups": 4,
             "layers_per_block": 1, "block_out_channels": (8, 16)}  # fmt: skip
    down = ("CrossAttnDownBlock2D", "DownBlock2D")
    unet = diffusers.UNet2DConditionModel(
        in_channels=4,
        out_channels=4,
        down_block_types=down,
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        **shape,
    )
    control = diffusers.ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8))
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 8), norm_num_groups=4, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    text = transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, vocab_size=54,
            bos_token_id=0, eos_token_id=1, pad_token_id=1,
        )
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("pipeline")
    words = ["<|startoftext|>", "<|endoftext|>", *(chr(97 + i) + end for end in ("", "</w>") for i in range(26))]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokens = transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
    whole = diffusers.StableDiffusionControlNetPipeline(
        vae=vae, text_encoder=text, tokenizer=tokens, unet=unet, controlnet=control,
        scheduler=diffusers.DDIMScheduler(), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip
    whole.save_pretrained(folder / "saved")
    return folder / "saved"


def test_shards_through_a_pipeline(pipeline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_stereo_shard(tmp_path / "in" / "a.tar", [(scene(), {"seed": 7})])
    words = ["restyle", str(tmp_path / "in"), "--pipeline", str(pipeline), "--prompt", "a room", "--steps", "2"]
    lenient = [*words, "--min-edge-support", "0", "--max-residual", "1"]
    assert main([*lenient, "--output", str(tmp_path / "out")]) == 0
    assert "1 kept" in capsys.readouterr().out
    shards = StereoShards(tmp_path / "out")
    assert shards.notes(0)["restyle"]["prompt"] == "a room"
    sample = shards[0]
    np.testing.assert_array_equal(sample.right[0, :46], sample.left[0, 2:])
    np.testing.assert_array_equal(sample.disparity, scene().disparity)
    assert main([*lenient, "--output", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / "restyled-00000000.tar").read_bytes() == next(
        (tmp_path / "out").glob("*.tar")
    ).read_bytes()
    assert main([*lenient, "--output", str(tmp_path / "out")]) == 0
    assert "finished before" in capsys.readouterr().out
    for options, told in (
        (["--output", str(tmp_path / "in")], "another --output"),
        (["--output", str(tmp_path / "x"), "--steps", "0"], "at least 1 step"),
        (["--output", str(tmp_path / "x"), "--pipeline", str(tmp_path)], "no model_index.json"),
    ):
        asked = {
            "--pipeline": str(pipeline),
            "--prompt": "a room",
            **dict(zip(options[::2], options[1::2], strict=True)),
        }
        assert main(["restyle", str(tmp_path / "in"), *(word for pair in asked.items() for word in pair)]) == 2
        assert told in capsys.readouterr().err
