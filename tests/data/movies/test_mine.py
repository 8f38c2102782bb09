import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from leadline.data.engine import run_tasks
from leadline.data.mono.shards import DepthShards
from leadline.data.movies.mine import MineRequest, choose_splits, film_names, mine_films
from leadline.data.movies.options import MineOptions
from leadline.data.movies.report import REPORT, SHEET, disparity_statistics, report_text, write_report
from leadline.errors import InputError, OutputError
from leadline.loading import load_signed_matcher

KINDS = ("stereo", "mono", "misaligned", "swapped", "black", "subtitled", "credits")


def _request(output, *films, **changes):
    options = MineOptions(model="sgbm", width=320)
    return MineRequest(
        films=tuple(map(str, films)), output=output, options=options, load=load_signed_matcher,
        layout="side-by-side", **changes,
    )  # fmt: skip


@pytest.fixture(scope="module")
def mined(painted_film, tmp_path_factory):
    """A film of one shot of each kind, mined in one go."""
    path, shots = painted_film(KINDS)
    output = tmp_path_factory.mktemp("mined")
    return output, mine_films(_request(output, path)), shots


def test_shots_that_are_no_stereo_are_refused_by_reason(mined):
    _, (film,), _ = mined
    wanted = ["", "mono", "", "swapped", "black", "", "credits"]
    assert [shot[:2] for shot in film["shots"]] == [[14 * n, 14 * n + 14] for n in range(len(KINDS))]
    assert [shot[3] for shot in film["shots"]] == wanted
    assert film["refused_shots"] == {"mono": 1, "swapped": 1, "black": 1, "credits": 1}
    assert film["frames"] == 3
    # Every frame that was looked at is kept, or refused for one reason.
    assert film["frames"] + sum(film["rejected_frames"].values()) == film["looked_at"] == 7


def test_accepted_pixels_have_the_true_disparity(mined):
    output, _, shots = mined
    samples = DepthShards(output / "train")
    assert samples.annotation == "affine_inverse"
    for index in range(len(samples)):
        sample, number = samples[index], samples.notes(index)["frame"]
        truth = next(shot for shot in shots if shot.first <= number < shot.last).truth(number)
        error = np.abs(sample.depth - truth.disparity)[sample.valid]
        assert np.median(error) < 0.3
        assert (error > 3.0).mean() < 0.02
        assert sample.valid.mean() > 0.4
        assert sample.depth[sample.valid].min() < -2.0  # behind the screen: 4 px less the shift of 8


def test_subtitles_have_no_disparity(mined):
    output, _, shots = mined
    samples = DepthShards(output / "train")
    shot = next(shot for shot in shots if shot.shot.kind == "subtitled")
    index = next(i for i in range(len(samples)) if shot.first <= samples.notes(i)["frame"] < shot.last)
    number = samples.notes(index)["frame"]
    plain = type(shot)(replace(shot.shot, kind="stereo"), shot.first, shot.pair, shot.size, shot.shift_px)
    letters = (shot.views(number)[0].astype(int) - plain.views(number)[0] > 60).all(axis=-1)
    assert letters.sum() > 100
    assert samples[index].valid[letters].mean() < 0.02


def test_resumed_run_gives_the_same_shards_and_does_no_shot_twice(mined, painted_film, tmp_path):
    path, _ = painted_film(KINDS)
    done = []

    def killed(work, jobs):
        for job in jobs[:3]:
            done.append(work(job))
            yield done[-1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mine_films(_request(tmp_path, path), killed)
    assert not (tmp_path / "train").exists()

    def counted(work, jobs):
        for job in jobs:
            done.append(work(job))
            yield done[-1]

    mine_films(_request(tmp_path, path), counted)
    assert done == list(range(len(KINDS)))
    whole, _, _ = mined
    shards = sorted(entry.name for entry in (whole / "train").iterdir())
    assert shards == [f"{path.stem}-0000.tar"]
    assert (tmp_path / "train" / shards[0]).read_bytes() == (whole / "train" / shards[0]).read_bytes()
    # A finished film is left alone.
    mine_films(_request(tmp_path, path), lambda *_: pytest.fail("mined again"))
    assert not list((tmp_path / "shots").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_workers_give_the_same_shards(mined, painted_film, tmp_path, engine):
    path, _ = painted_film(KINDS)
    mine_films(_request(tmp_path, path), partial(run_tasks, workers=2, engine=engine))
    whole, _, _ = mined
    name = f"train/{path.stem}-0000.tar"
    assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


def test_full_disk_loses_no_finished_shot(painted_film, tmp_path, monkeypatch):
    path, _ = painted_film(("stereo", "stereo"))
    from leadline.data.movies import state

    def full(*_):
        raise OutputError("expected to write a shard, got no space left on device")

    with monkeypatch.context() as patch:
        calls = []
        write = state.write_depth_shard

        def once(*arguments):
            calls.append(1)
            return write(*arguments) if len(calls) == 1 else full()

        patch.setattr(state, "write_depth_shard", once)
        with pytest.raises(OutputError, match="no space left"):
            mine_films(_request(tmp_path, path))
    records = sorted(entry.name for entry in (tmp_path / "shots" / path.stem).iterdir())
    assert records == ["00000.json", "00000.tar", "shots.json"]
    (film,) = mine_films(_request(tmp_path, path))
    assert film["frames"] == 2


def test_other_options_or_another_film_of_the_name_are_refused(mined, painted_film, tmp_path):
    output, _, _ = mined
    path, _ = painted_film(KINDS)
    changed = replace(_request(output, path), options=MineOptions(model="sgbm", width=200))
    with pytest.raises(OutputError, match="got another width; choose another output folder"):
        mine_films(changed)
    other = tmp_path / path.name
    other.write_bytes(painted_film(("stereo", "stereo"))[0].read_bytes())
    with pytest.raises(InputError, match="expected another name than"):
        mine_films(_request(output, other))


def test_films_are_split_as_wholes():
    names = [f"film{number:02d}" for number in range(20)]
    splits = choose_splits(names, [], [], {})
    counts = [list(splits.values()).count(split) for split in ("train", "validation", "test")]
    assert counts == [16, 2, 2]
    assert choose_splits(["a", "b"], [], [], {}) == {"a": "train", "b": "train"}
    assert choose_splits(["a", "b", "c"], [], [], {"c": "train", "b": "test"})["c"] == "train"
    with pytest.raises(InputError, match="expected each film in one split, got a"):
        choose_splits(["a"], ["a"], ["a"], {})
    with pytest.raises(InputError, match="expected one of the films a for test, got 'b'"):
        choose_splits(["a"], [], ["b"], {})
    with pytest.raises(InputError, match="expected a to stay in the split train"):
        choose_splits(["a"], ["a"], [], {"a": "train"})


def test_two_films_of_one_name_are_refused():
    with pytest.raises(InputError, match="films of different names, got a twice"):
        film_names(["x/a.mp4", "y/a.mkv"])
    with pytest.raises(InputError, match="at least one film"):
        film_names([])


def test_report_has_the_form_of_the_table_of_midas(mined, tmp_path):
    output, films, _ = mined
    text = report_text([films[0], {**films[0], "name": "other", "split": "test", "frames": 7}])
    lines = text.splitlines()
    start = lines.index("| Movie title | # frames |")
    name = films[0]["name"]
    wanted = ["| **Training set** | **3** |", f"| {name} | 3 |", "| **Test set** | **7** |", "| other | 7 |"]
    assert lines[start + 2 : start + 6] == wanted
    assert "| swapped | left and right view are exchanged | 2 | 14.3% |" in lines
    write_report(output, films)
    assert (output / REPORT).is_file()
    assert (output / SHEET).is_file()
    assert json.loads((output / "statistics.json").read_text())["frames"] == {"train": 3, "validation": 0, "test": 0}


def test_statistics_of_a_known_distribution():
    histogram = np.zeros(400, np.int64)
    histogram[180:220] = 5  # evenly from -2 % to 2 % of the width
    told = disparity_statistics(histogram)
    assert told["0.5"] == pytest.approx(0.0, abs=1e-6)
    assert told["0.95"] == pytest.approx(0.018, abs=1e-6)
    assert told["behind_screen"] == 0.5
    assert disparity_statistics(np.zeros(400)) == {}
