"""Pages of the documentation: their figures come from the recipe and the card, and their links lead to files."""

import json
import re
import shlex
import tomllib
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

from leadline.apps.cli.main import make_app
from leadline.training.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md")) if DOCS.is_dir() else []
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")


@pytest.mark.skipif(not PAGES, reason="docs/ is not part of an installed package")
def test_tutorial_states_the_bundled_recipe():
    text = " ".join((DOCS / "tutorial.md").read_text().split())
    recipe = load_recipe("leadline-fast")
    height, width = recipe.augmentation.crop
    assert f"{recipe.steps:,} steps of {recipe.batch_size} pairs with crops of {width}x{height} pixels" in text
    card = json.loads((files("leadline.runtime") / "bundled" / "leadline-fast.json").read_text())
    training = card["training"]
    assert f"{training['steps']:,} steps in {training['hours']:.1f} hours" in text
    count = re.search(r"--count (\d+) --seed (\d+)", training["data"])
    assert count is not None
    assert count[0] in text
    curve = {row["step"]: row for row in card["curve"]}
    assert f"was {curve[1000]['motorcycle/bad2']:.0f} after 1,000 steps" in text
    bad2 = next(row["bad-2"] for row in card["scores"] if (row["group"], row["method"]) == ("motorcycle", "network"))
    assert f"and {bad2:.0f} at the end" in text


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_links_lead_to_files(page: Path):
    targets = [target for target, _ in LINK.findall(page.read_text()) if "://" not in target]
    # api/ is written when the documentation is built.
    missing = [t for t in targets if not t.startswith("api/") and not (page.parent / t).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_end_no_table_in_a_paragraph(page: Path):
    """A line of text right below a table would become a row of it."""
    lines = page.read_text().splitlines()
    swallowed = [b for a, b in pairwise(lines) if a.startswith("|") and b and b[0] != "|"]
    assert swallowed == []


def test_architecture_names_every_layer():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = pyproject["tool"]["importlinter"]["contracts"][0]["layers"]
    diagram = (DOCS / "architecture.md").read_text().split("```text")[1].split("```")[0]
    rooms = {room for layer in layers for room in re.findall(r"\w+", layer) if f"({room})" not in layer}
    assert rooms - {"__main__"} <= set(re.findall(r"\w+", diagram))


def test_no_module_compares_the_name_of_a_task():
    """What differs between tasks is in `leadline.tasks.TASKS`, not in chains of ifs."""
    chain = re.compile(r"\btask\s*(==|!=)\s*[\"']|case [\"'](stereo|mono|refine)[\"']")
    sources = sorted((ROOT / "src" / "leadline").rglob("*.py"))
    assert [str(path) for path in sources if chain.search(path.read_text())] == []


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_commands_of_a_page_have_known_options(page: Path):
    blocks = re.findall(r"^```(?:bash|sh)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line.partition(" # ")[0] for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    for words in (shlex.split(part) for line in lines for part in re.split(r"&&|\|\|", line)):
        if words and words[0].endswith("leadline"):
            make_app(words[1:]).parse_args(words[1:], exit_on_error=False, print_error=False)
