from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from emotionthinker.corpora import base, registry
from emotionthinker.emotions import EMOTIONS, canonical
from emotionthinker.errors import CorpusError


@pytest.mark.parametrize("name", registry.NAMES)
def test_every_card_is_filled(name: str) -> None:
    card = registry.get(name)
    assert card.name == name
    assert all((card.title, card.languages, card.splits, card.licence, card.access, card.layout))
    assert re.match(r"https?://\S+$", card.url)
    assert len(set(card.labels)) == len(card.labels)


@pytest.mark.parametrize("name", registry.NAMES)
def test_a_wrong_folder_says_what_is_expected_and_where_to_get_it(name: str, tmp_path: Path) -> None:
    card = registry.get(name)
    for root in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(CorpusError) as caught:
            list(base.items(card, root))
        assert caught.value.kind == "wrong_layout"
        assert all(part in str(caught.value) for part in (str(root), card.layout, card.url))


@pytest.mark.parametrize("name", ["ravdess", "emodb", "crema_d", "savee", "emovo", "tess", "mead", "expresso", "ears"])
def test_sound_of_another_corpus_is_no_corpus(name: str, tree) -> None:
    tree.sound("holiday/beach.wav")
    with pytest.raises(CorpusError, match="1 of other names"):
        tree.read(name)


def test_a_name_that_comes_twice_is_told(tree) -> None:
    tree.sound("wav/03a01Fa.wav", "copy/03a01Fa.wav")
    found, failed = tree.read("emodb")
    assert list(found) == ["emodb_03a01Fa"]
    assert failed == {"emodb_03a01Fa": "repeated_id"}


def test_hidden_files_are_no_clips_and_links_are_followed(tree, tmp_path: Path) -> None:
    tree.sound("wav/03a01Fa.wav", "wav/._03a01Fa.wav")
    other = tmp_path / "disk"
    other.mkdir()
    (other / "link").symlink_to(tree.root / "wav")
    (tree.root / "wav" / "loop").symlink_to(other)
    assert [path.name for path in base.sounds(other)] == ["03a01Fa.wav"]


def test_names_that_are_no_utf8_are_bad_rows(tree) -> None:
    tree.sound("wav/03a01Fa.wav", "wav/bad.wav", "other/08a02La.wav")
    (tree.root / "wav" / "bad.wav").rename(tree.root / "wav" / os.fsdecode(b"\xfcber.wav"))
    (tree.root / "other").rename(tree.root / os.fsdecode(b"b\xfccher"))
    found, failed = tree.read("emodb")
    assert list(found) == ["emodb_03a01Fa"]
    assert {id_.rpartition("/")[2]: kind for id_, kind in failed.items()} == {
        r"\xfcber.wav": "bad_name",
        "08a02La.wav": "bad_name",
    }


@pytest.mark.parametrize("spelling", ["CREMA-D", "crema_d", "CremaD", "crema d"])
def test_any_spelling(spelling: str) -> None:
    assert registry.get(spelling).title == "CREMA-D"


def test_an_unknown_corpus_names_the_known_ones() -> None:
    with pytest.raises(CorpusError, match="ravdess"):
        registry.get("timit")


def test_the_registry_loads_no_corpus() -> None:
    program = (
        "import sys, emotionthinker.corpora.registry; "
        "print([m for m in sys.modules if m in ('pydantic', 'numpy') or m.startswith('emotionthinker.corpora.')])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['emotionthinker.corpora.registry']"


def test_what_the_policy_decides() -> None:
    """Pinned by hand, since the tables of docs/corpora.md are made from the same data."""
    decided = {
        ("iemocap", "exc"): "Happy",
        ("iemocap", "fru"): None,
        ("iemocap", "xxx"): None,
        ("iemocap", "oth"): None,
        ("ravdess", "calm"): "Neutral",
        ("expresso", "calm"): "Neutral",
        ("expresso", "default"): "Neutral",
        ("expresso", "whisper"): "Whisper",
        ("expresso", "confused"): "Confused",
        ("expresso", "laughing"): None,
        ("ears", "serenity"): "Neutral",
        ("ears", "extasy"): "Happy",
        ("ears", "amazement"): "Surprise",
        ("ears", "confusion"): "Confused",
        ("ears", "contentment"): None,
        ("msp_podcast", "C"): "Contempt/Disgust",
        ("msp_podcast", "U"): "Surprise",
        ("msp_podcast", "X"): None,
        ("mead", "contempt"): "Contempt/Disgust",
        ("emodb", "boredom"): None,
        ("tess", "ps"): "Surprise",
        ("emovo", "tri"): "Sad",
    }
    assert {key: canonical(key[1], key[0]) for key in decided} == decided
    assert all(label in registry.get(name).labels for name, label in decided)


@pytest.mark.parametrize("name", [name for name in registry.NAMES if registry.get(name).labels])
def test_a_corpus_with_labels_has_some_of_the_nine(name: str) -> None:
    mapped = {canonical(label, name) for label in registry.get(name).labels}
    assert mapped <= {*EMOTIONS, None}
    assert len(mapped - {None}) >= 6
