from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker import audio
from emotionthinker.corpora import gigaspeech
from emotionthinker.errors import CorpusError


def part(sid: str, **more: object) -> dict[str, object]:
    base = {
        "sid": sid,
        "speaker": "N/A",
        "begin_time": 0.1,
        "end_time": 0.35,
        "subsets": ["{XL}", "{L}"],
        "text_tn": "YES <PERIOD>",
    }
    return {**base, **more}


def test_parts_of_recordings(tree) -> None:
    talk = {
        "aid": "POD0000000001",
        "path": "audio/podcast/P0000/POD0000000001.flac",
        "source": "podcast",
        "speaker": "N/A",
        "segments": [
            part("POD1_S1", text_tn="WELL <COMMA> ARE YOU <QUESTIONMARK>", subsets=["{DEV}"]),
            part("POD1_S2", text_tn="<MUSIC>"),
            part("POD1_S3", begin_time=None),
            part("POD1_S4", speaker="Ann"),
        ],
    }
    lost = {"aid": "YOU1", "path": "audio/youtube/YOU1.opus", "segments": [part("YOU1_S1"), part("YOU1_S2")]}
    tree.text("GigaSpeech.json", json.dumps({"dataset": "GigaSpeech", "audios": [talk, lost]}))
    tree.sound(str(talk["path"]))
    found, failed = tree.read("gigaspeech")
    first, last = found["gigaspeech_POD1_S1"], found["gigaspeech_POD1_S4"]
    assert (first.text, first.split, first.speaker, first.emotion) == ("WELL, ARE YOU?", "validation", None, None)
    assert (first.extra["start_s"], first.extra["end_s"], first.extra["subsets"]) == (0.1, 0.35, ["DEV"])
    assert len(audio.load(str(first.audio))[0]) == 4000
    assert (last.split, last.speaker) == ("train", "gigaspeech_Ann")
    assert set(found) == {"gigaspeech_POD1_S1", "gigaspeech_POD1_S4"}
    assert failed == {"POD1_S3": "bad_row", "YOU1": "missing_sound"}
    (tree.root / "GigaSpeech").mkdir()
    for name in ("GigaSpeech.json", "audio"):
        (tree.root / name).rename(tree.root / "GigaSpeech" / name)
    assert set(tree.read("gigaspeech")[0]) == set(found)  # the root one too high


recordings = st.dictionaries(st.text(max_size=3), st.text(max_size=5) | st.lists(st.integers(), max_size=2), max_size=3)


@given(st.lists(recordings, max_size=4), st.integers(1, 9), st.sampled_from([None, 1]))
def test_the_sheet_is_read_piece_by_piece_as_json_reads_it_whole(
    tmp_path_factory: pytest.TempPathFactory, audios: list[dict[str, object]], chunk: int, indent: int | None
) -> None:
    path = Path(tmp_path_factory.getbasetemp()) / "GigaSpeech.json"
    path.write_text(json.dumps({"version": "v1", "audios": audios, "more": 1}, indent=indent), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gigaspeech, "_CHUNK", chunk)
        assert list(gigaspeech.audios(path)) == audios


@pytest.mark.parametrize("text", ['{"dataset": "x"}', '{"audios": [{"aid": 1}, {"ai', ""])
def test_a_torn_sheet_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "GigaSpeech.json").write_text(text)
    with pytest.raises(CorpusError, match=r"GigaSpeech\.json"):
        list(gigaspeech.audios(tmp_path / "GigaSpeech.json"))
