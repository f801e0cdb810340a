from __future__ import annotations

import re

from emotionthinker.corpora import base, registry
from emotionthinker.corpora.manifest import BadRow
from emotionthinker.records import Utterance


def test_words_ages_and_the_misspelt_name(tree) -> None:
    tree.sound(
        "OAF_angry/OAF_back_angry.wav", "OAF_neutral/OA_bite_neutral.wav", "YAF_pleasant_surprised/YAF_bar_ps.wav"
    )
    tree.sound("OAF_angry/OAF_back.wav")
    found, failed = tree.read("tess")
    old, young = found["tess_OAF_back_angry"], found["tess_YAF_bar_ps"]
    assert (old.emotion, old.speaker, old.age, old.gender, old.text) == (
        "Angry",
        "tess_OAF",
        64,
        "female",
        "Say the word back",
    )
    assert (young.emotion, young.original_label, young.age) == ("Surprise", "ps", 26)
    assert found["tess_OAF_bite_neutral"].speaker == "tess_OAF"
    assert failed == {"OAF_angry/OAF_back.wav": "bad_name"}


def test_a_corpus_that_lies_there_twice_is_told_with_the_other_file(tree) -> None:
    """As the copy on Kaggle unpacks."""
    tree.sound("data/OAF_angry/OAF_back_angry.wav", "data/TESS/OAF_angry/OAF_back_angry.wav")
    first, second = base.items(registry.get("tess"), tree.root)
    assert isinstance(first, Utterance)
    assert str(first.audio).endswith("data/OAF_angry/OAF_back_angry.wav")
    assert isinstance(second, BadRow)
    assert re.search(r"data/TESS/OAF_angry/OAF_back_angry\.wav: id .* unpacked twice .*delete", str(second.error))
