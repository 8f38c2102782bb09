"""The options behind the mends that messages name."""

from pathlib import Path

import leadline
from leadline.apps.cli.words import _OPTIONS, with_options


def test_mends_name_their_options():
    assert with_options("exchange LEFT and RIGHT") == "exchange LEFT and RIGHT (--swap)"
    assert "--translation-unit cm" in with_options("state 'translation_unit: cm'")
    assert "give --layout half-side-by-side" in with_options("or give the layout half-side-by-side if")


def test_every_phrase_is_one_that_a_message_has():
    source = Path(leadline.__file__).parent
    text = "\n".join(path.read_text() for path in source.rglob("*.py") if path.name != "words.py")
    for phrase, _ in _OPTIONS:
        # The unit is filled in by the message.
        assert phrase.replace("cm'", "").replace("mm'", "").replace(" m'", " ").strip() in text, phrase
