"""YAML in bounded time and memory, and one line about what is not read."""

import pytest

from leadline.errors import InputError
from leadline.io.yaml_text import MOST_BYTES, parse_yaml

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_plain_values_are_read():
    text = "a: [1, 2.5, yes, null, 'x']\nb: {c: 1.0e-3}\nd: 2001-99-99\ne: 2001-12-24\nf: 0x10\n"
    found = parse_yaml(text.encode(), "a recipe", "r.yaml")
    assert found == {
        "a": [1, 2.5, True, None, "x"],
        "b": {"c": 1e-3},
        "d": "2001-99-99",
        "e": "2001-12-24",
        "f": 16,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, r"an alias \(\*name\), which is not allowed"),
        ("a: &a [*a]", "an alias"),
        ("a: 1\nb: 2\na: 3\n", "the key a twice"),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 101, "nested too deeply"),
        ('{"a": ' * 170_000, "nested too deeply"),
        ("- " * 20_000, "nested too deeply"),
        ("a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("? [1]\n: 2", "unhashable"),
        ("a: " + "9" * 5000, "could not read r.yaml"),
        (b"\xff\xfea", "could not read"),
        ("a: \x00", "could not read"),
        ("x" * (MOST_BYTES + 1), "at most 1048576 bytes"),
    ],
)
def test_what_is_not_plain_is_one_line(text, message: str):
    with pytest.raises(InputError, match=message) as refused:
        parse_yaml(text, "a recipe", "r.yaml")
    assert "\n" not in str(refused.value)
