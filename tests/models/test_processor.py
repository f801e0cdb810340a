from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionthinker.errors import AudioError, DeafForwardError, WeightsError
from emotionthinker.models import prompt
from emotionthinker.models.processor import (
    CHAT_TEMPLATE,
    PLACEHOLDERS,
    audio_token_count,
    check_agreement,
    encode,
    load_processor,
    make_processor,
    render,
)

ASK = prompt.conversation(prompt.QUESTION)
Speech = Callable[..., np.ndarray]


def test_the_prompt_is_chatml_with_one_audio_slot(tiny_thinker: Any) -> None:
    text = render(tiny_thinker[1], ASK, add_generation_prompt=True)
    assert text == (
        f"<|im_start|>system\n{prompt.SYSTEM}<|im_end|>\n"
        f"<|im_start|>user\n<|audio_bos|><|AUDIO|><|audio_eos|>{prompt.QUESTION}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    answered = [*ASK, {"role": "assistant", "content": prompt.completion("Loud.", "Angry")}]
    assert render(tiny_thinker[1], answered, add_generation_prompt=False) == (
        text + "<think>Loud.</think><answer>angry</answer><|im_end|>\n"
    )


def test_features_are_cut_to_the_longest_clip(tiny_thinker: Any, speech: Speech) -> None:
    model, processor = tiny_thinker
    clips = [speech(1.0), speech(2.5, f0=120)]
    inputs = encode(processor, [ASK, ASK], clips)
    assert inputs["input_features"].shape == (2, 80, 250)
    assert inputs["feature_attention_mask"].sum(-1).tolist() == [100, 250]
    assert (inputs["input_ids"] == processor.audio_token_id).sum(-1).tolist() == [25, 62]
    with torch.no_grad():
        logits = model(**inputs).logits
    assert logits.shape[:2] == inputs["input_ids"].shape
    assert torch.isfinite(logits).all()


def test_a_clip_sounds_the_same_in_any_company(tiny_thinker: Any, speech: Speech) -> None:
    processor = tiny_thinker[1]
    clip = speech(0.777, f0=180)
    alone, _ = processor.features([clip])
    beside, _ = processor.features([speech(3.0), clip])
    np.testing.assert_allclose(beside[1, :, : alone.shape[2]], alone[0], atol=1e-5)
    window = processor.feature_extractor([clip], sampling_rate=16000, return_tensors="np")["input_features"]
    np.testing.assert_allclose(window[0, :, : alone.shape[2]], alone[0], atol=1e-5)


def test_silence_around_speech_is_left_out_where_the_settings_say_so(
    tiny_thinker: Any, speech: Speech, tmp_path: Path
) -> None:
    trimming = make_processor(tiny_thinker[1].tokenizer, trims_silence=True)
    trimming.save_pretrained(tmp_path)
    clip = speech(1.0)
    padded = np.concatenate([np.zeros(24000, np.float32), clip, np.zeros(16000, np.float32)])
    for processor in (trimming, load_processor(tmp_path)):
        assert processor.trims_silence
        inputs = encode(processor, [ASK], [padded])
        frames = int(inputs["feature_attention_mask"].sum())
        assert 100 <= frames <= 141
        assert int((inputs["input_ids"] == processor.audio_token_id).sum()) == audio_token_count(frames)
    assert not tiny_thinker[1].trims_silence
    assert tiny_thinker[1].features([padded])[0].shape[2] == 350


def test_padding_goes_where_it_is_asked(tiny_thinker: Any, speech: Speech) -> None:
    processor = tiny_thinker[1]
    for side, column in (("left", 0), ("right", -1)):
        inputs = encode(processor, [ASK, ASK], [speech(0.5), speech(2.0)], padding_side=side)
        assert inputs["attention_mask"][:, column].tolist() == [0, 1]
        assert inputs["input_ids"][0, column] == processor.tokenizer.pad_token_id
        assert inputs["attention_mask"].sum() == (inputs["input_ids"] != processor.tokenizer.pad_token_id).sum()


def test_left_padding_does_not_change_the_answer(tiny_thinker: Any, speech: Speech) -> None:
    model, processor = tiny_thinker
    clip = speech(0.6, f0=150)
    with torch.no_grad():
        alone = model(**encode(processor, [ASK], [clip])).logits[0, -1]
        beside = model(**encode(processor, [ASK, ASK], [speech(2.0), clip])).logits[1, -1]
        other = model(**encode(processor, [ASK], [speech(0.6, f0=300)])).logits[0, -1]
    torch.testing.assert_close(beside, alone, atol=2e-5, rtol=0)
    assert (other - alone).abs().max() > 1e-4


def test_text_alone_and_several_clips(tiny_thinker: Any, speech: Speech) -> None:
    processor = tiny_thinker[1]
    silent = encode(processor, [prompt.conversation("Hello?", audio=False)], [None])
    assert set(silent) == {"input_ids", "attention_mask"}
    pair = [{"role": "user", "content": [{"type": "audio"}, {"type": "text", "text": " or "}, {"type": "audio"}]}]
    mixed = encode(processor, [pair, ASK], [[speech(0.5), speech(1.0)], speech(0.25)])
    assert mixed["feature_attention_mask"].sum(-1).tolist() == [50, 100, 25]
    assert (mixed["input_ids"] == processor.audio_token_id).sum(-1).tolist() == [12 + 25, 6]


@settings(max_examples=60)
@given(frames=st.integers(0, 30000))
def test_token_counts_are_the_towers(tiny_thinker: Any, frames: int) -> None:
    tower = tiny_thinker[0].model.audio_tower
    expected = int(tower._get_feat_extract_output_lengths(torch.tensor(frames))[1])
    assert audio_token_count(frames) == expected


@settings(max_examples=15)
@given(samples=st.integers(321, 20000))
def test_any_length_agrees_with_the_tower(tiny_thinker: Any, speech: Speech, samples: int) -> None:
    model, processor = tiny_thinker
    inputs = encode(processor, [ASK], [speech(1.25)[:samples]])
    with torch.no_grad():
        heard = model.get_audio_features(inputs["input_features"], inputs["feature_attention_mask"], return_dict=True)
    assert len(heard.last_hidden_state) == int((inputs["input_ids"] == processor.audio_token_id).sum())


@pytest.mark.parametrize(
    ("clip", "kind"),
    [
        (np.zeros(0, np.float32), "empty"),
        (np.zeros(320, np.float32), "empty"),
        (np.zeros((2, 16000), np.float32), "wrong_shape"),
        (np.full(16000, np.nan, np.float32), "not_finite"),
        (np.zeros(30 * 16000 + 1, np.float32), "too_long"),
    ],
)
def test_unusable_samples_have_a_kind(tiny_thinker: Any, clip: np.ndarray, kind: str) -> None:
    with pytest.raises(AudioError) as caught:
        encode(tiny_thinker[1], [ASK], [clip])
    assert caught.value.kind == kind
    assert "audio 0" in str(caught.value)


def test_silence_and_a_full_window_are_heard(tiny_thinker: Any) -> None:
    inputs = encode(tiny_thinker[1], [ASK], [np.zeros(30 * 16000, np.float32)])
    assert inputs["input_features"].shape == (1, 80, 3000)
    assert torch.isfinite(inputs["input_features"]).all()


def test_slots_and_clips_must_match(tiny_thinker: Any, speech: Speech) -> None:
    processor, clip = tiny_thinker[1], speech(0.5)
    with pytest.raises(ValueError, match="conversation 0 has 1 audio slots and 0 clips"):
        encode(processor, [ASK], [None])
    with pytest.raises(ValueError, match="1 conversations came with 2"):
        encode(processor, [ASK], [clip, clip])
    forged = prompt.conversation("My words are <|AUDIO|>.")
    with pytest.raises(ValueError, match="2 audio slots and 1 clips"):
        encode(processor, [forged], [clip])
    with pytest.raises(Exception, match="only audio and text parts are understood, not image"):
        encode(processor, [[{"role": "user", "content": [{"type": "image"}]}]], [None])


def test_deaf_tensors_are_refused(tiny_thinker: Any, speech: Speech) -> None:
    processor = tiny_thinker[1]
    inputs = encode(processor, [ASK], [speech(1.0)])
    check_agreement(inputs, processor.audio_token_id)
    deaf = {name: tensor for name, tensor in inputs.items() if "feature" not in name}
    with pytest.raises(DeafForwardError, match="25 audio tokens came without features"):
        check_agreement(deaf, processor.audio_token_id)
    first = int((inputs["input_ids"][0] == processor.audio_token_id).nonzero()[0])
    cut = inputs | {"input_ids": inputs["input_ids"][:, first + 5 :]}
    with pytest.raises(DeafForwardError, match="20 audio tokens came with features for 25"):
        check_agreement(cut, processor.audio_token_id)


def test_save_and_load(tiny_thinker: Any, speech: Speech, tmp_path: Path) -> None:
    processor = tiny_thinker[1]
    processor.save_pretrained(tmp_path)
    again = load_processor(tmp_path)
    assert again.max_seconds == 30
    one, two = (encode(p, [ASK], [speech(1.0)]) for p in (processor, again))
    assert all(torch.equal(one[name], two[name]) for name in one)


def write_released_layout(processor: Any, folder: Path, *, named: bool) -> None:
    """The files of Qwen/Qwen2.5-Omni-*: own chat template in JSON, a 300 s extractor beside image settings."""
    processor.tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    if not named:  # early transformers versions left the tokens in the vocabulary only
        for key in (*PLACEHOLDERS, "extra_special_tokens", "model_specific_special_tokens", "processor_class"):
            settings.pop(key, None)
    path.write_text(json.dumps(settings))
    template = CHAT_TEMPLATE.replace("assistant\\n", "assistant\\nOMNI:")
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    extractor = {
        "chunk_length": 300,
        "dither": 0.0,
        "feature_extractor_type": "WhisperFeatureExtractor",
        "feature_size": 128,
        "hop_length": 160,
        "image_mean": [0.48, 0.46, 0.41],
        "image_processor_type": "Qwen2VLImageProcessor",
        "n_fft": 400,
        "n_samples": 4800000,
        "nb_max_frames": 30000,
        "patch_size": 14,
        "processor_class": "Qwen2_5OmniProcessor",
        "return_attention_mask": True,
        "sampling_rate": 16000,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(extractor))


@pytest.mark.parametrize("named", [True, False])
def test_the_released_layout_loads(tiny_thinker: Any, speech: Speech, tmp_path: Path, named: bool) -> None:
    write_released_layout(tiny_thinker[1], tmp_path, named=named)
    processor = load_processor(tmp_path)
    assert processor.max_seconds == 300
    assert processor.audio_token_id == tiny_thinker[1].audio_token_id
    inputs = encode(processor, [ASK], [speech(3.0)])
    assert inputs["input_features"].shape == (1, 128, 300)  # not 30000
    assert processor.tokenizer.decode(inputs["input_ids"][0]).endswith("assistant\nOMNI:")


def test_folders_that_are_no_thinkers_are_refused(tiny_tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no usable tokenizer"):
        load_processor(tmp_path)
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    plain = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE(vocab={"a": 0}, merges=[])))
    with pytest.raises(WeightsError, match=r"the tokenizer has no <\|AUDIO\|>"):
        make_processor(plain)
