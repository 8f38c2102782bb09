"""`leadline simulate`: the table of flights, resumed and extended, and its page."""

import json

import pytest

from leadline.errors import InputError
from leadline.results.simulation import Settings, named_methods

FAST = ("--sensor", "oracle", "--films", "0", "--seed", "3", "--longest", "1.5")


def test_flights_are_kept_and_more_worlds_are_added(leadline, tmp_path):
    folder = tmp_path / "out"
    words = ("simulate", "--worlds", "1", *FAST, "--output", folder)
    done = leadline(*words)
    assert done.code == 0, done.err
    first = (folder / "runs.csv").read_text().splitlines()
    assert [row.split(",")[:4] for row in first[1:]] == [
        ["none", "straight", "0", "forest"],
        ["oracle", "avoid", "0", "forest"],
    ]
    # A row that was changed by hand shows that it is not flown again.
    changed = [row.replace("forest", "FOREST") for row in first]
    (folder / "runs.csv").write_text("\n".join(changed) + "\n")
    done = leadline("simulate", "--worlds", "2", *FAST, "--output", folder, "--json", tmp_path / "s.json")
    assert done.code == 0, done.err
    rows = (folder / "runs.csv").read_text().splitlines()
    assert (len(rows), sum("FOREST" in row for row in rows)) == (5, 2)
    summary = json.loads((tmp_path / "s.json").read_text())
    assert [row["worlds"] for row in summary["methods"]] == [2, 2]
    assert "collisions.png" in (folder / "index.html").read_text()


def test_flights_of_other_settings_are_not_mixed(leadline, tmp_path):
    words = ("simulate", "--worlds", "1", *FAST, "--policy", "straight", "--output", tmp_path)
    assert leadline(*words).code == 0
    done = leadline(*words, "--speed", "2")
    assert (done.code, "flights of other settings" in done.one_line) == (2, True)
    assert leadline(*words, "--speed", "2", "--overwrite").code == 0
    (tmp_path / "runs.csv").write_text("sensor,policy\nnone,straight\n")
    done = leadline(*words, "--speed", "2")
    assert (done.code, "a flight on line 2" in done.one_line) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--worlds", "0"), "from 1 to 100000 worlds"),
        (("--sensor", "sonar"), "a sensor out of tof, fused, network, stereo, oracle, got sonar"),
        (("--policy", ""), "a policy out of straight, avoid, got none"),
        (("--films", "-1"), "from 0 to 100 films"),
        (("--rate", "0"), "a rate from 1 to 100"),
        (("--seed", "-1"), "a seed of 0 or more"),
    ],
)
def test_wrong_options_are_one_line(leadline, tmp_path, words, said):
    done = leadline("simulate", "--longest", "1", *words, "--output", tmp_path / "out")
    assert (done.code, said in done.one_line) == (2, True)


def test_names_and_robots():
    assert named_methods("tof,tof", "avoid") == [("tof", "avoid")]
    with pytest.raises(InputError, match="a robot out of quadrotor, ground"):
        Settings(robot="boat")


def test_films_show_the_worst_flight(leadline, tmp_path):
    av = pytest.importorskip("av")
    assert av
    words = ("simulate", "--worlds", "1", "--sensor", "oracle", "--policy", "avoid", "--longest", "0.7", "--films", "1")
    done = leadline(*words, "--output", tmp_path)
    assert done.code == 0, done.err
    from leadline.io.video import open_frames

    frames = open_frames(tmp_path / "oracle_avoid_00000.mp4")
    # A frame at 0, 1/15, ... 10/15 s, and the end.
    assert len(frames) == 12
    assert "oracle_avoid_00000.mp4" in (tmp_path / "index.html").read_text()
