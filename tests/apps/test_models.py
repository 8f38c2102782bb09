"""`leadline models`: the cards."""

import json
from dataclasses import asdict, replace

import pytest

from leadline.apps.cli import models as models_module
from leadline.apps.cli.main import main
from leadline.models.zoo import ZOO
from leadline.runtime.card import ModelCard, bundled_cards

CARD = ModelCard(
    name="toy",
    summary="A toy.",
    licence="Apache-2.0",
    task="stereo",
    weights="toy.onnx",
    sha256="ab" * 32,
    max_disparity=64,
    enlarge=1.0,
    parameters=1_230_000,
    gflop=0.5,
    training={"steps": 7, "recipe": {"seed": 3}},
    curve=[{"step": 1, "epe": 2.5}],
    scores=[{"group": "a", "bad-2": 1.25}, {"group": "b", "avgerr": 0.5}],
    limits=["Sees nothing."],
)


@pytest.fixture
def toys(monkeypatch):
    monkeypatch.setattr(models_module, "bundled_cards", lambda: {"toy": CARD})


def test_the_overview_has_a_line_for_each(toys, capsys):
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("toy", "A toy.", "Apache-2.0", "1.23 M", "0-64"))


def test_one_card_is_shown_whole(toys, capsys):
    assert main(["models", "toy"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("seed 3", "bad-2", "1.25", "avgerr", "2.5", "Sees nothing.", "up to 64 px"))


def test_json_is_the_card(toys, capsys):
    assert main(["models", "toy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == asdict(CARD)
    assert main(["models", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [asdict(CARD)]


def test_a_monocular_network_has_no_disparities(monkeypatch, capsys):
    card = replace(CARD, task="mono", max_disparity=0)
    monkeypatch.setattr(models_module, "bundled_cards", lambda: {"toy": card})
    assert main(["models"]) == 0
    assert "mono" in (shown := capsys.readouterr().out)
    assert "0-" not in shown
    assert main(["models", "toy"]) == 0
    assert "leadline mono" in (shown := capsys.readouterr().out)
    assert "disparities" not in shown


def test_bundled_cards_can_be_shown(capsys):
    for name in bundled_cards():
        assert main(["models", name]) == 0
        assert bundled_cards()[name].summary.split()[0] in capsys.readouterr().out


def test_zoo_card_labels_the_papers_scores_as_the_papers(toys, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["models", "zoedepth-nyu"]) == 0
    shown = capsys.readouterr().out
    assert "the paper's own scores, not measured by leadline" in shown
    assert all(word in shown for word in ("arXiv:2302.12288", "MIT", "345 M", "Eigen's crop", "Table 1"))
    assert "0.075" in next(line for line in shown.splitlines() if "AbsRel" in line)
    assert main(["models", "depth-pro"]) == 0
    shown = capsys.readouterr().out
    assert "allows research only" in shown
    assert "No scores of the paper's" in shown
    assert "not measured" not in shown


def test_the_zoo_in_the_overview_and_as_json(toys, capsys):
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("toy", *ZOO, "leadline[zoo]"))
    assert main(["models", "dpt-large", "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert (card["name"], card["licence"]) == ("dpt-large", "Apache-2.0")
    assert card["paper_scores"][1] == {
        "dataset": "KITTI",
        "protocol": "zero-shot, protocol of Ranftl et al. (MiDaS)",
        "metric": "delta>1.25 %",
        "value": 8.46,
        "where": "Table 1",
    }


def test_an_unknown_name_is_refused(toys, capsys):
    assert main(["models", "nonsense"]) == 2
    assert "expected one of toy" in capsys.readouterr().err


def test_cards_of_other_peoples_networks(capsys):
    assert main(["models"]) == 0
    assert "hitnet-eth3d" in capsys.readouterr().out
    assert main(["models", "hitnet-eth3d"]) == 0
    assert "colour: grey" in capsys.readouterr().out
    assert main(["models", "hitnet-eth3d", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["max_disparity"] == 128
