from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.emotions import EMOTIONS, canonical, parse_answer

labels = st.sampled_from(EMOTIONS)
PROSE = {
    "Neutral": "calm",
    "Happy": "joyful",
    "Sad": "sadness",
    "Angry": "anger",
    "Contempt/Disgust": "disgusted",
    "Confused": "confusion",
    "Whisper": "whispering",
    "Surprise": "surprised",
    "Fear": "afraid",
}


class TestCanonical:
    @pytest.mark.parametrize(
        ("label", "corpus", "expected"),
        [
            ("05", "ravdess", "Angry"),
            ("02", "RAVDESS", "Neutral"),
            ("calm", "ravdess", "Neutral"),
            ("W", "emodb", "Angry"),
            ("F", "emodb", "Happy"),
            ("F", "savee", "Fear"),
            ("anxiety/fear", "emodb", "Fear"),
            ("ANG", "crema_d", "Angry"),
            ("DIS", "CREMA-D", "Contempt/Disgust"),
            ("joy", "meld", "Happy"),
            ("exc", "iemocap", "Happy"),
            ("pleasant surprise", "tess", "Surprise"),
            ("disgust/contempt", None, "Contempt/Disgust"),
            ("Contempt / Disgust", None, "Contempt/Disgust"),
            (" Fearful. ", None, "Fear"),
            ("default", "expresso", "Neutral"),
            # outside the nine: a decision, not a gap
            ("L", "emodb", None),
            ("boredom", "emodb", None),
            ("frustration", "iemocap", None),
            ("xxx", "iemocap", None),
            # a code means nothing outside its corpus
            ("05", None, None),
            ("W", "meld", None),
            ("default", None, None),
            ("fear or surprise", None, None),
            ("unhappy", None, None),
            ("", None, None),
            (None, None, None),
        ],
    )
    def test_table(self, label: str | None, corpus: str | None, expected: str | None) -> None:
        assert canonical(label, corpus) == expected

    @given(labels, st.sampled_from([None, "ravdess", "emodb", "meld", "unheard-of"]))
    def test_labels_are_their_own_aliases(self, label: str, corpus: str | None) -> None:
        assert {canonical(form, corpus) for form in (label, label.upper(), label.lower(), f" {label}.")} == {label}


class TestParseAnswer:
    @pytest.mark.parametrize(
        ("text", "label", "reason"),
        [
            ("<think>Sad? Angry?</think><answer>happy</answer>", "Happy", "tag"),
            ("<think>It is sad.</think>\n<answer> Anger. </answer>", "Angry", "tag"),
            ("<ANSWER>**Surprised**</ANSWER>", "Surprise", "tag"),
            ("<answer>contempt/disgust</answer>", "Contempt/Disgust", "tag"),
            ("<answer>contempt and disgust</answer>", "Contempt/Disgust", "tag"),
            ("<answer>The speaker is afraid.</answer>", "Fear", "tag"),
            ("The label is sad. <answer>fear</answer>", "Fear", "tag"),
            ("<think>Maybe <answer>sad</answer></think><answer>angry</answer>", "Angry", "tag"),
            ("<think>never closed, sad <answer>fear</answer>", "Fear", "tag"),
            ("<answer>happy", "Happy", "tag"),
            ("<answer>sad</answer> so <answer>Sadness</answer>", "Sad", "tag"),
            ("<answer>sad</answer><answer>happy</answer>", None, "answers_disagree"),
            ("<answer></answer><answer>happy</answer>", None, "answers_disagree"),
            ("<answer>happy or sad</answer>", None, "several_labels"),
            ("<answer>bored</answer>", None, "no_label"),
            ("<answer> </answer>", None, "empty"),
            ("<think>The voice is sad.</think>", None, "no_answer"),
            ("<think>The voice is sad", None, "no_answer"),
            ("<think>It is sad.</think> The speaker is angry.", "Angry", "text"),
            ("I hear anger in this voice", "Angry", "text"),
            ("not sad but angry", "Angry", "text"),
            ("The speaker isn’t neutral, she is happy!", "Happy", "text"),
            ("Neither sad nor angry, but fearful.", "Fear", "text"),
            ("This rules out happiness; it is fear.", "Fear", "text"),
            ("Angry rather than sad", "Angry", "text"),
            ("Instead of joy I hear disgust", "Contempt/Disgust", "text"),
            ("Sad is unlikely; the speaker is happy", "Happy", "text"),
            ("not sad or angry, happy", "Happy", "text"),
            ("No, she is happy", "Happy", "text"),
            ("The emotion is not sad.", None, "negated"),
            ("not only sad but angry", None, "several_labels"),
            ("happy and sad", None, "several_labels"),
            ("The speaker seems unhappy", None, "no_label"),
            ("I cannot tell", None, "no_label"),
            ("I'm afraid I cannot determine the emotion.", None, "no_label"),
            ("I'm happy to help, but there is no audio.", None, "no_label"),
            ("I'm afraid to say it, but she is angry.", "Angry", "text"),
            ("I do not believe that the speaker is angry.", None, "negated"),
            ("<answer>It is not clear whether the speaker is sad</answer>", None, "negated"),
            ("Anything but happy.", None, "negated"),
            ("non-neutral", None, "negated"),
            ("There's no doubt she is angry.", "Angry", "text"),
            ("<answer>no doubt happy</answer>", "Happy", "tag"),
            ("Anger and fear are unlikely; the speaker is sad.", "Sad", "text"),
            ("Anger has been ruled out, so sad.", "Sad", "text"),
            ("neither angry, sad, nor afraid but neutral", "Neutral", "text"),
            ("", None, "empty"),
        ],
    )
    def test_table(self, text: str, label: str | None, reason: str) -> None:
        assert parse_answer(text) == (label, reason)

    @given(labels, st.sampled_from(["", " ", "\n", "**"]), st.sampled_from(["", ".", "!", "  "]), st.booleans())
    def test_tag_round_trip(self, label: str, before: str, after: str, lower: bool) -> None:
        content = before + (label.lower() if lower else label) + after
        assert parse_answer(f"<think>x</think><answer>{content}</answer>") == (label, "tag")

    @given(labels, labels)
    def test_prose(self, label: str, other: str) -> None:
        word, another = PROSE[label], PROSE[other]
        assert parse_answer(f"I think the emotion is {word}").label == label
        assert parse_answer(f"{word}, or perhaps {another}").label == (label if label == other else None)
        if label != other:
            assert parse_answer(f"not {word} but {another}").label == other

    @given(labels, labels)
    def test_reasoning_never_answers(self, label: str, other: str) -> None:
        assert parse_answer(f"<think>{label}</think><answer>{other}</answer>").label == other

    @given(
        st.text()
        | st.lists(st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "sad ", "x"])).map("".join)
    )
    def test_any_text_has_a_defined_outcome(self, text: str) -> None:
        answer = parse_answer(text)
        assert answer == parse_answer(text)
        assert (answer.label in EMOTIONS) == (answer.reason in ("tag", "text"))
        assert answer.label is None or answer.reason in ("tag", "text")

    @given(st.text(alphabet="bcdfgjklmpqvxz 0123456789,.!"))
    def test_no_label_gives_none(self, text: str) -> None:
        assert parse_answer(text).label is None
