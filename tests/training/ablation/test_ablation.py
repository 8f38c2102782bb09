"""Plans: one change an entry, nothing done twice, means and spreads over seeds."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
import yaml

from leadline.apps.cli.main import main
from leadline.data.stream import Stream
from leadline.errors import InputError
from leadline.models.catalog import build_model
from leadline.models.stereo import StereoModel
from leadline.training.ablation import run as ablation
from leadline.training.ablation.plan import Entry, Plan, load_plan
from leadline.training.ablation.report import chart, markdown, write_report
from leadline.training.ablation.run import Measured, forward_cost, run_plan
from leadline.training.stereo import supervised as stereo
from leadline.training.stereo.recipe import StereoRecipe


@pytest.fixture
def folders(toy_recipe: StereoRecipe, monkeypatch) -> dict[str, str]:
    monkeypatch.setattr("leadline.training.stereo.validation.find_spec", lambda name: None)
    return {"data": toy_recipe.data, "validation": toy_recipe.validation}


@pytest.mark.parametrize("name", ["toy", "stereo-components"])
def test_bundled_plans_change_one_key_each_and_build_their_networks(name: str):
    plan = load_plan(name)
    assert len({entry.name for entry in plan.entries}) == len(plan.entries) >= 4
    for entry in plan.entries:
        before, after = vars(plan.base.recipe), vars(entry.recipe)
        different = [key for key in before.keys() & after.keys() if after[key] != before[key]]
        assert len(different) == 1, entry.name
        assert before.keys() == after.keys() or entry.change.startswith("method self-supervised"), entry.name
        height, width = entry.recipe.augmentation.crop
        model = build_model(entry.recipe.model, entry.recipe.model_options)
        assert height % cast(StereoModel, model).input_stride == width % cast(StereoModel, model).input_stride == 0


def test_a_change_of_a_mapping_keeps_the_rest_of_it():
    plan = load_plan("toy", {"augmentation": {"crop": [64, 96], "photometric": 0.25}})
    (entry,) = plan.only(["no-erase"]).entries
    assert (entry.theme, entry.change) == ("augmentation", "erase 0.0")
    assert (entry.recipe.augmentation.photometric, entry.recipe.augmentation.erase) == (0.25, 0.0)


def write(path: Path, **changes) -> Path:
    recipe = {"model": "plain", "data": "a", "validation": "b", "steps": 4, "batch_size": 2}
    path.write_text(yaml.safe_dump({"title": "T", "recipe": recipe, "themes": {}} | changes))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"more": 1}, "expected the keys recipe, themes, title"),
        ({"themes": []}, "recipe and themes of .* to be keys and values"),
        ({"themes": {"t": 3}}, "entries by name in the theme t"),
        ({"themes": {"t": {"A b": {"seed": 2}}}}, "small letters, digits"),
        ({"themes": {"t": {"a": {"seed": 2, "compile": False}}}}, "expected one changed key"),
        ({"themes": {"t": {"a": {"method": "stereo", "seed": 2}}}}, "expected one changed key"),
        ({"themes": {"t": {"a": {"batch_size": 4}}}}, "as many samples as the base's, got 4 x 4"),
        ({"themes": {"t": {"a": {"sped": 2}}}}, "unknown key 'sped' in .*entry a"),
        ({"themes": {"t": {"a": {"seed": 2}}, "u": {"a": {"seed": 3}}}}, "name of its own, got 'a'"),
        ({"themes": {"t": {"base": {"seed": 2}}}}, "name of its own, got 'base'"),
        (
            {"recipe": {"method": "refine", "model": "leadline-refine", "data": "a", "validation": "b"}},
            "to be stereo or self-supervised, got refine",
        ),
    ],
)
def test_a_bench_that_compares_nothing_is_refused(tmp_path: Path, changes, message: str):
    with pytest.raises(InputError, match=message):
        load_plan(write(tmp_path / "plan.yaml", **changes))


def test_names_that_no_entry_has_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="entries among plain, no-volume-loss, batch-norm, no-erase, got 'x'"):
        load_plan("toy").only(["plain", "x"])
    with pytest.raises(InputError, match="at least 1 seed"):
        run_plan(load_plan("toy"), tmp_path, 0)
    with pytest.raises(InputError, match="plan file or one of stereo-components, toy"):
        load_plan("nowhere")


def test_a_bench_goes_on_where_it_was_stopped(folders, tmp_path: Path, monkeypatch, capsys):
    words = ["ablate", "toy", "--output", str(tmp_path), "--entries", "no-volume-loss", "--seeds", "2"]
    words += ["--data", folders["data"], "--validation", folders["validation"]]
    read = Stream.__getitem__
    seen: list[tuple[int, int]] = []

    def cut(self: Stream, index: int) -> dict[str, torch.Tensor]:
        seen.append((self.seed, self.start + index))
        if len(seen) == 15:  # eight samples of the base, then seven of the entry's: in its second epoch
            raise ConnectionAbortedError
        return read(self, index)

    monkeypatch.setattr(Stream, "__getitem__", cut)
    with pytest.raises(ConnectionAbortedError):
        main(words)
    assert (tmp_path / "base" / "seed-1" / "result.json").exists()
    seen.clear()
    seen += [(0, 0)] * 15  # no further cut
    assert main(words) == 0
    # The base with seed 1 is done; the entry goes on with the second half of its 8 samples; seed 2 is whole for both.
    assert seen[15:] == [(1, n) for n in range(4, 8)] + [(2, n) for n in range(8)] * 2
    assert "2 recipes compared" in capsys.readouterr().out
    results = json.loads((tmp_path / "results.json").read_text())
    base, entry = results["entries"]
    assert (base["name"], entry["name"], entry["change"]) == ("base", "no-volume-loss", "volume_weight 0.0")
    runs = [json.loads((tmp_path / "base" / f"seed-{n}" / "result.json").read_text())["scores"] for n in (1, 2)]
    first, second = (run["rendered/epe"] for run in runs)
    changed = [json.loads((tmp_path / "no-volume-loss" / f"seed-{n}" / "result.json").read_text()) for n in (1, 2)]
    differences = [own["scores"]["rendered/epe"] - run["rendered/epe"] for own, run in zip(changed, runs, strict=True)]
    assert entry["against_base"]["rendered/epe"]["seeds"] == pytest.approx(differences)
    assert base["scores"]["rendered/epe"]["mean"] == pytest.approx((first + second) / 2)
    assert base["scores"]["rendered/epe"]["spread"] == pytest.approx(abs(first - second) / math.sqrt(2))
    assert "| losses | no-volume-loss | volume_weight 0.0 |" in (tmp_path / "results.md").read_text()
    assert (tmp_path / "results.png").stat().st_size > 1000


def test_a_run_of_another_recipe_is_no_result_of_this_one(folders, tmp_path: Path, monkeypatch):
    plan = load_plan("toy", folders).only([])
    monkeypatch.setattr(ablation, "train", lambda recipe, folder, validated: folder.mkdir(parents=True))
    monkeypatch.setattr(ablation, "validate", lambda recipe, checkpoint: {"rendered/epe": 1.0})
    (found,) = run_plan(plan, tmp_path, 1, str)
    assert found.runs == [{"rendered/epe": 1.0}]
    other = replace(plan, base=replace(plan.base, recipe=replace(plan.base.recipe, learning_rate=0.5)))
    with pytest.raises(InputError, match="the same recipe, got another learning_rate"):
        run_plan(other, tmp_path, 1, str)
    (tmp_path / "base" / "seed-1" / "result.json").write_text("[]")
    with pytest.raises(InputError, match="expected the result of a run"):
        run_plan(plan, tmp_path, 1, str)


def test_diverged_run_is_reported_and_the_plan_continues(folders, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(stereo, "stereo_terms", lambda *_: {"full": torch.tensor(math.nan)})
    plan = load_plan("toy", folders).only([])
    found = run_plan(plan, tmp_path, 1, str)
    assert (found[0].diverged, found[0].runs) == (1, [{}])
    assert [path.name for path in write_report(plan, found, tmp_path)] == ["results.json", "results.md"]
    monkeypatch.setattr(ablation, "train", None)  # it is not tried again
    assert run_plan(plan, tmp_path, 1, str)[0].diverged == 1


def test_the_cost_of_a_network_is_that_of_its_products(monkeypatch):
    class Tiny(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(3, 5, 3, padding=1)

        def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            return self.layer(left) + self.layer(right)

    monkeypatch.setattr(ablation, "build_model", lambda *_: Tiny())
    gflop, parameters = forward_cost(load_plan("toy").base.recipe)
    # Twice 5 x 3 x 3 x 3 multiplications and additions at each of 64 x 96 pixels.
    assert gflop == pytest.approx(2 * 2 * 135 * 64 * 96 / 1e9)
    assert parameters == 5 * 27 + 5


def test_with_equal_flop_a_dearer_network_gets_fewer_steps(monkeypatch):
    plan = load_plan("toy", {"steps": 100, "decay_steps": 50, "batch_size": 4})
    costs = {"leadline-fast": 3.0, "plain": 6.0}
    monkeypatch.setattr(ablation, "forward_cost", lambda recipe: (costs[recipe.model], 1))
    equal = ablation.with_equal_flop(plan)
    # What costs as much as the base would be run twice.
    (plain,) = equal.entries
    assert (plain.name, plain.recipe.steps, plain.recipe.decay_steps) == ("plain", 50, 25)
    assert equal.base == plan.base
    assert "| plain | model plain | 200 | 6.00 |" in markdown(equal, [Measured(plain, 6.0, 1, [{}])])


def test_real_scenes_are_one_mean_over_their_groups():
    scores = {"rendered/epe": 9.0, "eth3d/epe": 1.0, "motorcycle/epe": 2.0, "eth3d/confidence_gap": 0.5}
    assert ablation._with_real(scores) == {**scores, "real scenes/epe": 1.5}


@pytest.mark.parametrize("content", [b"[" * 100_000, b"[]", b"{}", b"\xff", b"null"])
def test_a_result_of_other_content_is_refused(tmp_path, content):
    (tmp_path / ablation.RESULT_NAME).write_bytes(content)
    with pytest.raises(InputError, match=r"expected the result of a run in .*, got other content; remove it"):
        ablation._result(load_plan("toy").base.recipe, tmp_path)


def test_the_table_tells_what_diverged():
    recipe = load_plan("toy").base.recipe
    base, entry, lost = (Entry(name, theme, "", recipe) for name, theme in (("base", ""), ("a", "t"), ("b", "t")))
    plan = Plan("Title", base, (entry, lost))
    found = [
        Measured(base, 1.0, 1000, [{"rendered/bad2": 1.0}, {"rendered/bad2": 3.0}]),
        Measured(entry, 2.0, 2000, [{}, {"rendered/bad2": 4.0}]),
        Measured(lost, 3.0, 3000, [{}, {}]),
    ]
    lines = markdown(plan, found).splitlines()
    assert lines[:3] == [
        "# Title",
        "",
        "| theme | entry | change | samples | GFLOP | parameters | rendered bad-2, % | against base |",
    ]
    assert lines[4].endswith("| base | - | 8 | 1.00 | 1,000 | 2.00 ± 1.41 | - |")
    assert lines[5].endswith("| 2.00 | 2,000 | 4.00 (1 diverged) | +1.00 |")
    assert lines[6].endswith("| diverged | - |")
    assert "Seeds: 2" in lines[8]
    assert chart(found) is not None
