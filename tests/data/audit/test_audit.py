"""The audit: planted faults are found, clean data are not blamed, and a run that was stopped goes on."""

import importlib
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leadline.apps.cli.main import main
from leadline.data.audit.duplicates import exact_copies, look_alikes
from leadline.data.audit.judge import findings
from leadline.data.audit.matching import agreement, edge_alignment
from leadline.data.audit.parts import open_parts
from leadline.data.audit.pixels import fingerprints, image_figures, perceptual_hash
from leadline.data.audit.run import run_audit
from leadline.data.flow.shards import write_flow_shard
from leadline.data.mono.shards import DepthShards
from leadline.data.stereo.shards import StereoShards
from leadline.errors import InputError, OutputError
from leadline.geometry.image import brightness
from leadline.io.images import write_image
from leadline.maps import FlowMap
from leadline.samples import FlowSample


@pytest.fixture
def planting(monkeypatch):
    """The benchmark of the audit."""
    folder = Path(__file__).parents[3] / "benchmarks"
    if not folder.is_dir():
        pytest.skip("benchmarks/ is not part of an installed package")
    monkeypatch.syspath_prepend(str(folder))
    yield importlib.import_module("audit")
    del sys.modules["audit"]


def audit_of(*targets, folder):
    return run_audit(open_parts([str(target) for target in targets]), folder)


def test_planted_faults_of_ten_kinds_are_found_and_nothing_else(planting, shards, tmp_path):
    planted, missed, alarms = [], [], []
    for name, kind in (("stereo", StereoShards), ("mono", DepthShards)):
        here = planting.plant(kind(shards / name), planting.faults_of(name == "stereo", 2), tmp_path / name, 5)
        audit = audit_of(tmp_path / name / "train", tmp_path / name / "val", folder=tmp_path)
        lost, false, _ = planting.missed_and_alarms(audit, here)
        planted, missed, alarms = planted + here, missed + lost, alarms + false
    assert sorted(one.fault for one in planted) == sorted([*planting.KINDS] * 2)
    assert missed == []
    assert alarms == []


def test_clean_shards_raise_no_alarm(shards, tmp_path):
    audit = audit_of(shards / "stereo", shards / "mono", folder=tmp_path)
    assert audit.findings == ()
    assert not audit.broken
    assert [count for _, _, count in audit.parts] == [28, 16]
    first = audit.samples[0]
    assert first["match"]["share"] > 0.95
    assert first["consistent"]["share"] == 1.0
    assert first["truth"]["p50"] == 5.0
    assert first["camera"]["baseline_m"] == 0.1


@pytest.mark.parametrize("wrong", [(0.0, 0.0), (2.0, 0.0), (0.0, -1.5)])
def test_the_shift_beside_a_truth_is_measured(wrong):
    first = np.random.default_rng(0).random((90, 140), np.float32)
    first = sum(np.roll(first, (a, b), (0, 1)) for a in range(3) for b in range(3)) / 9.0
    second = np.roll(first, (3, -6), (0, 1))
    motion = np.broadcast_to(np.array([-6.0 - wrong[0], 3.0 - wrong[1]], np.float32), (90, 140, 2)).copy()
    found = agreement(first.astype(np.float32), second.astype(np.float32), motion, np.ones((90, 140), bool))
    assert found.offset_x_px == pytest.approx(wrong[0], abs=0.15)
    assert found.offset_y_px == pytest.approx(wrong[1], abs=0.15)


def test_too_few_points_say_nothing():
    flat, nowhere = np.full((60, 80), 0.5, np.float32), np.zeros((60, 80), bool)
    assert agreement(flat, flat, np.zeros((60, 80, 2), np.float32), ~nowhere) is None
    assert edge_alignment(flat, np.ones((60, 80), np.float32), nowhere) is None


def test_copies_are_told_from_others(shards):
    source = StereoShards(shards / "stereo")
    pictures = [source[index].left for index in range(6)]
    dim = np.clip(pictures[0].astype(np.float32) * 0.8 + 10.0, 0, 255).astype(np.uint8)
    marks = [{"part": "a", **fingerprints([image])} for image in (*pictures, dim, pictures[2])]
    assert exact_copies(marks) == [(2, 7, True)]
    assert look_alikes(marks) == [(0, 6)]
    # All views count for whether the samples are the same.
    pairs = [fingerprints([pictures[0], other]) for other in pictures[1:3]]
    assert exact_copies(pairs) == [(0, 1, False)]


def test_the_hash_is_that_of_signs_of_low_frequencies():
    # A brightness ramp along x: of the 64 lowest frequencies only those of the first row are not 0.
    ramp = np.broadcast_to(np.linspace(0.0, 255.0, 64), (64, 64)).astype(np.float32)
    assert int(perceptual_hash(ramp), 16).bit_count() <= 32
    assert perceptual_hash(ramp) == perceptual_hash(ramp * 0.5 + 20.0)
    figures = image_figures(np.full((20, 30, 3), 128, np.uint8))
    assert (figures["brightness"], figures["range"], figures["black"]) == (128.0, 0.0, 0.0)


def sample(index=0, **changes):
    """Measurements of a fine image with metric depth and a camera."""
    image = {"brightness": 100.0, "range": 150.0, "white": 0.0, "black": 0.0, "blur_px": 1.0, "texture": 9.0}
    camera = {
        "focal_x_px": 100.0, "focal_y_px": 100.0, "center_x_px": 79.5, "center_y_px": 47.5, "height": 96, "width": 160,
        "baseline_m": None, "doffs_px": 0.0,
    }  # fmt: skip
    truth = {"known": 0.9, "p1": 1.0, "p50": 3.0, "p99": 9.0, "largest": 10.0}
    base = {
        "part": "a", "key": str(index), "index": index, "size": [96, 160], "images": [image], "truth": truth,
        "annotation": "metric", "camera": camera,
    }  # fmt: skip
    return {**base, **{name: {**base[name], **value} for name, value in changes.items()}}


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"truth": {"p50": 3000.0}}, "unit", "the median depth is 3000 m"),
        ({"truth": {"p50": 300.0}}, "unit", "300 m, 3 m elsewhere"),
        ({"truth": {"known": 0.01}}, "no truth", "1.00%"),
        ({"truth": {"p1": 3.0, "p99": 3.0}}, "wrong truth", "3 everywhere"),
        ({"camera": {"focal_x_px": 4.0, "focal_y_px": 4.0}}, "calibration", "field of view would be 174.3 degrees"),
        ({"camera": {"center_x_px": 160.0}}, "calibration", "100% and 49%"),
        ({"camera": {"focal_y_px": 40.0}}, "calibration", "100 and 40 px"),
        ({"camera": {"focal_x_px": 110.0}}, "calibration", "1.10 times the others'"),
        ({"camera": {"width": 320}}, "calibration", "320x96"),
        ({"camera": {"baseline_m": 120.0}}, "calibration", "baseline would be 120 m"),
    ],
)
def test_what_does_not_fit_is_told_with_its_figures(changes, kind, words):
    found = findings([*(sample(index) for index in range(9)), sample(9, **changes)])
    assert [(one.kind, one.key, one.weight) for one in found] == [(kind, "9", "error")]
    assert words in found[0].message


def test_pairs_without_truth_are_judged_by_their_features():
    pair = {"status": "not_fine", "verdict": "as features say", "rectified": False, "median_abs_offset_px": 4.0}
    fine = sample()
    del fine["truth"], fine["camera"]
    assert [one.kind for one in findings([{**fine, "pair": pair}])] == ["misaligned views"]
    assert [one.kind for one in findings([{**fine, "pair": {**pair, "swapped": True}}])] == ["swapped views"]
    assert [one.kind for one in findings([{**fine, "pair": {**pair, "same_image": True}}])] == ["one image twice"]
    gap = {"rectified": True, "exposure_gap_stops": 2.0}
    assert [(one.kind, one.weight) for one in findings([{**fine, "pair": gap}])] == [("exposure", "warning")]


class Stopping:
    """A source that is stopped by Ctrl-C once, and counts what it reads."""

    def __init__(self, source, stop_at):
        self.source, self.stop_at, self.read = source, stop_at, []

    def __len__(self):
        return len(self.source)

    def key(self, index):
        return self.source.key(index)

    def __getitem__(self, index):
        if index == self.stop_at:
            self.stop_at = None
            raise KeyboardInterrupt
        self.read.append(index)
        return self.source[index]


def test_a_run_that_was_stopped_goes_on(shards, tmp_path):
    (part,) = open_parts([str(shards / "mono")])
    stopping = Stopping(part.source, 5)
    stopped, told = [replace(part, source=stopping)], []
    with pytest.raises(KeyboardInterrupt):
        run_audit(stopped, tmp_path)
    (journal,) = tmp_path.iterdir()
    journal.write_text(journal.read_text() + '{"place": [0, 5], "fou')  # killed while it wrote
    again = run_audit(stopped, tmp_path, advance=told.append)
    assert stopping.read == list(range(16))
    assert told == [5, *[1] * 11]
    (tmp_path / "other").mkdir()
    assert again == run_audit([part], tmp_path / "other")
    assert list(tmp_path.iterdir()) == [tmp_path / "other"]


def test_the_journal_of_another_audit_is_refused(shards, tmp_path):
    (tmp_path / "measurements.part.jsonl").write_text('{"version": 1, "parts": []}\n')
    with pytest.raises(OutputError, match="got another one's"):
        audit_of(shards / "mono", folder=tmp_path)


def test_a_shard_that_is_cut_off_is_told_and_the_others_are_audited(shards, tmp_path):
    whole = (shards / "mono" / "a.tar").read_bytes()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.tar").write_bytes(whole)
    (tmp_path / "data" / "b.tar").write_bytes(whole[: len(whole) // 2 + 100])
    audit = audit_of(tmp_path / "data", folder=tmp_path)
    (lost,) = (one for one in audit.findings if one.kind == "damaged")
    assert lost.key == "b.tar"
    assert audit.parts[0][2] == 16


def test_flow_is_judged_by_its_motion(tmp_path):
    rng = np.random.default_rng(1)
    wide = np.repeat(rng.integers(0, 256, (60, 80, 1), np.uint8), 3, axis=2).repeat(2, axis=0).repeat(2, axis=1)
    first, second = wide[:96, 4:132].copy(), wide[:96, :128].copy()
    nowhere, motion = np.zeros((96, 128), bool), np.zeros((96, 128, 2), np.float32)
    motion[..., 0] = 4.0
    right = FlowSample("right", first, second, FlowMap(motion, ~nowhere), nowhere)
    wrong = FlowSample("wrong", second, first[::-1].copy(), FlowMap(motion, ~nowhere), nowhere)
    write_flow_shard(tmp_path / "flow" / "a.tar", [(right, {}), (wrong, {})])
    audit = audit_of(tmp_path / "flow", folder=tmp_path)
    assert audit.parts[0][1] == "flow shards"
    assert [(one.kind, one.key) for one in audit.findings] == [("wrong truth", "wrong")]
    assert audit.samples[0]["match"]["share"] > 0.9


def test_the_command_writes_one_page_and_says_what_is_broken(shards, tmp_path, capsys):
    data, output = tmp_path / "data", tmp_path / "out"
    for part in ("train", "val"):
        (data / part).mkdir(parents=True)
        for index in range(3):
            seed = index if part == "train" else index + 2  # train's last image is val's first
            write_image(data / part / f"{index}.png", DepthShards(shards / "mono")[seed].image)
    assert main(["data", "audit", str(data), "--output", str(output), "--workers", "2"]) == 1
    told = capsys.readouterr().out
    assert "6 samples, something is broken" in told
    values = json.loads((output / "audit.json").read_text())
    assert [part["samples"] for part in values["parts"]] == [3, 3]
    assert values["counts"] == {"error": {"exact copy": 1}, "warning": {}}
    page = (output / "audit.html").read_text()
    assert page.count("<svg") >= 5
    assert page.count("data:image/jpeg;base64,") == 2
    # Nothing is fetched: no script, no file, no address but the namespace of SVG.
    assert "<script" not in page
    assert set(re.findall(r'(?:src|href)="(\w+)', page)) == {"data"}
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
    assert sorted(path.name for path in output.iterdir()) == ["audit.html", "audit.json"]
    assert main(["data", "audit", str(data), "--output", str(output)]) == 2
    assert "without earlier results" in capsys.readouterr().err
    assert main(["data", "audit", str(data / "val"), "--output", str(output), "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "expected a folder, shards, or a data set out of sceneflow"),
        ([], "expected a data set, shards or a folder to audit, got none"),
        (["redweb"], "expected the folder of the data set redweb as root"),
        ([".", "--split", "train"], "expected the name of a data set with a root or splits, got ."),
        ([".", "."], "twice"),
        ([".", "--workers", "-1"], "workers of at least 0"),
        (["redweb", "--root", ".", "--option", "colour"], "--option NAME=VALUE"),
    ],
)
def test_mistakes_are_told_in_one_line(words, message, tmp_path, monkeypatch, capsys, shards):
    monkeypatch.chdir(shards / "mono")
    assert main(["data", "audit", *words, "--output", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(InputError, match="expected shards, scenes, pairs or images"):
        open_parts([str(tmp_path)])


def test_scene_folders_have_their_calibration_judged(shards, tmp_path):
    from leadline.data.stereo.scenes import write_stereo_scene
    from leadline.geometry.rig import StereoRig

    source = StereoShards(shards / "stereo")
    (tmp_path / "scenes").mkdir()
    for index in range(2):
        rig = StereoRig.from_focal(96, 160, 150.0 if index else 3.0, 0.1)
        write_stereo_scene(tmp_path / "scenes" / f"{index}", source[index], rig)
    audit = audit_of(tmp_path / "scenes", folder=tmp_path)
    assert audit.parts[0][1] == "stereo scenes"
    assert [(one.kind, one.key) for one in audit.findings] == [("calibration", "0")]
    assert brightness(source[0].left).shape == (96, 160)
