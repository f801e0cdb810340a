from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from standins import ctranslate_bytes, ctranslate_variables

from emotionthinker.errors import WeightsError
from emotionthinker.models import ctranslate

ARRAYS = st.sampled_from([np.float32, np.int8, np.int16, np.int32, np.float16]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, max_side=4))
)
SMALL = {"a/weight": np.arange(6, dtype=np.float16).reshape(2, 3), "a/heads": np.array(8, np.int16)}


@given(st.dictionaries(st.text(min_size=1, max_size=20).filter(lambda s: "\0" not in s), ARRAYS, max_size=4))
def test_what_is_written_is_read(variables: dict[str, np.ndarray]) -> None:
    aliases = {"alias": next(iter(variables))} if variables else {}
    model = ctranslate.parse(ctranslate_bytes(variables, aliases))
    assert (model.spec, model.revision, model.aliases) == ("WhisperSpec", 3, aliases)
    assert list(model.variables) == list(variables)
    for name, array in variables.items():
        assert model.variables[name].dtype == array.dtype
        np.testing.assert_array_equal(model.variables[name], array)


@given(st.data())
def test_every_cut_is_refused(data: st.DataObject) -> None:
    whole = ctranslate_bytes(SMALL, {"b/weight": "a/weight"})
    end = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(WeightsError):
        ctranslate.parse(whole[:end])


@given(st.binary(max_size=200))
def test_noise_is_refused_or_read_never_anything_else(noise: bytes) -> None:
    header = ctranslate_bytes(SMALL)[:40]
    for data in (noise, header + noise):
        with pytest.raises(WeightsError):
            ctranslate.parse(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (ctranslate_bytes(SMALL, version=5), "binary version 5, not 6"),
        (ctranslate_bytes(SMALL) + b"\0", "1 bytes left over"),
        (ctranslate_bytes(SMALL, {"b": "absent"}), "alias 'b' for 'absent'"),
        (ctranslate_bytes({"a": np.zeros(2, np.float32)}).replace(b"\x00\x08\0\0\0", b"\x05\x08\0\0\0"), "dtype 5"),
        (ctranslate_bytes({"a": np.zeros(2, np.float32)}).replace(b"\x00\x08\0\0\0", b"\x04\x08\0\0\0"), "but 8 bytes"),
    ],
)
def test_malformed_files_say_what_is_wrong(data: bytes, words: str) -> None:
    with pytest.raises(WeightsError, match=words):
        ctranslate.parse(data, "w.bin")


def test_a_missing_file_is_a_weights_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot read"):
        ctranslate.read(tmp_path / "absent.bin")


def test_whisper_comes_back_under_hugging_face_names(tiny_whisper: Any) -> None:
    data = ctranslate_bytes(
        ctranslate_variables(tiny_whisper.state_dict(), heads=4),
        {"decoder/projection/weight": "decoder/embeddings/weight"},
    )
    state, sizes = ctranslate.whisper_state(ctranslate.parse(data))
    expected = {name: tensor for name, tensor in tiny_whisper.state_dict().items() if name != "proj_out.weight"}
    assert state.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_array_equal(state[name], tensor.numpy(), err_msg=name)
    config = tiny_whisper.config
    assert sizes == {name: getattr(config, name) for name in sizes}
    assert sizes["encoder_ffn_dim"] == 96


def test_int8_matrices_are_scaled_by_row() -> None:
    weight = np.array([[127, -64], [10, 20]], np.int8)
    variables: dict[str, np.ndarray] = {"x/weight": weight, "x/weight_scale": np.array([127.0, 10.0], np.float32)}
    model = ctranslate.parse(ctranslate_bytes(variables))
    got = ctranslate._Whisper(model).get("x/weight")
    np.testing.assert_allclose(got, np.array([[1, -64 / 127], [1, 2]]), rtol=1e-6)


def test_other_layouts_are_refused(tiny_whisper: Any) -> None:
    variables = ctranslate_variables(tiny_whisper.state_dict(), heads=4)

    def convert(changed: dict[str, np.ndarray]) -> None:
        ctranslate.whisper_state(ctranslate.parse(ctranslate_bytes(changed)))

    with pytest.raises(WeightsError, match=r"no variable 'encoder/conv1/weight'"):
        convert({name: array for name, array in variables.items() if name != "encoder/conv1/weight"})
    with pytest.raises(WeightsError, match="does not have: \\['extra'\\]"):
        convert(variables | {"extra": np.zeros(3, np.float16)})
    biased = torch.ones(3 * 64).numpy().astype(np.float16)
    with pytest.raises(WeightsError, match="key bias other than zero"):
        convert(variables | {"encoder/layer_0/self_attention/linear_0/bias": biased})
