from __future__ import annotations

import pytest

from emotionthinker.corpora import registry
from emotionthinker.errors import CorpusError


def test_chapters_and_readers(tree) -> None:
    tree.text("SPEAKERS.TXT", "; ID |SEX| SUBSET |MINUTES| NAME\n84 | F | dev-clean | 8.02 | Christie Nowak\n")
    tree.text(
        "dev-clean/84/121123/84-121123.trans.txt", "84-121123-0000 GO DO YOU HEAR\n84-121123-0001 BUT\n84-121123-0002\n"
    )
    tree.text("train-clean-100/19/198/19-198.trans.txt", "19-198-0000 NORTHANGER ABBEY\n")
    tree.sound("dev-clean/84/121123/84-121123-0000.flac", "train-clean-100/19/198/19-198-0000.flac")
    found, failed = tree.read("librispeech")
    clip, other = found["librispeech_84-121123-0000"], found["librispeech_19-198-0000"]
    assert (clip.text, clip.speaker, clip.gender) == ("GO DO YOU HEAR", "librispeech_84", "female")
    assert (clip.split, clip.emotion, clip.extra) == ("validation", None, {"subset": "dev-clean"})
    assert (other.split, other.gender) == ("train", None)
    assert failed == {"84-121123-0001": "missing_sound", "84-121123.trans.txt:3": "bad_row"}


def test_hidden_files_of_another_system_are_no_sheets(tree) -> None:
    tree.text("dev-clean/84/121123/84-121123.trans.txt", "84-121123-0000 GO\n")
    tree.sound("dev-clean/84/121123/84-121123-0000.flac")
    for name in ("dev-clean/84/121123/._84-121123.trans.txt", "._SPEAKERS.TXT", ".Trash/1-2.trans.txt"):
        (tree.root / name).parent.mkdir(exist_ok=True)
        (tree.root / name).write_bytes(b"\0\5\x16\7\xb0")
    found, failed = tree.read("librispeech")
    assert (list(found), failed) == (["librispeech_84-121123-0000"], {})


def test_a_sheet_in_another_encoding_is_named(tree) -> None:
    tree.text("dev-clean/84/121123/84-121123.trans.txt", "")
    (tree.root / "dev-clean/84/121123/84-121123.trans.txt").write_bytes("84-121123-0000 CAFÉ\n".encode("cp1252"))
    with pytest.raises(CorpusError, match=r"84-121123\.trans\.txt: not UTF-8 .*iconv"):
        tree.read("librispeech")


def test_a_name_in_another_encoding_costs_no_gender(tree) -> None:
    tree.text("dev-clean/84/121123/84-121123.trans.txt", "84-121123-0000 GO\n")
    tree.sound("dev-clean/84/121123/84-121123-0000.flac")
    (tree.root / "SPEAKERS.TXT").write_bytes("84 | F | dev-clean | 8.02 | |C|François\n".encode("cp1252"))
    assert tree.read("librispeech")[0]["librispeech_84-121123-0000"].gender == "female"


def test_a_chapter_without_its_words_is_told(tree) -> None:
    tree.sound("dev-clean/84/121123/84-121123-0000.flac", "dev-clean/85/1/85-1-0000.flac", "music/loud/85-1.wav")
    tree.text("dev-clean/84/121123/84-121123.trans.txt", "84-121123-0000 GO\n")
    found, failed = tree.read("librispeech")
    assert (len(found), failed) == (1, {"dev-clean/85/1/85-1.trans.txt": "missing_sheet"})


def test_one_subset_as_root_has_its_readers_from_beside(tree) -> None:
    tree.sound("dev-clean/84/121123/84-121123-0000.flac")
    tree.text("dev-clean/84/121123/84-121123.trans.txt", "84-121123-0000 GO\n")
    whole, tree.root = tree.root, tree.root / "dev-clean"
    assert registry.get("librispeech").absent(tree.root) == ["SPEAKERS.TXT"]
    (whole / "SPEAKERS.TXT").write_text("84 | F | dev-clean | 8.02 | Christie Nowak\n")
    assert registry.get("librispeech").absent(tree.root) == []
    clip = tree.read("librispeech")[0]["librispeech_84-121123-0000"]
    assert (clip.gender, clip.split) == ("female", "validation")
