"""Claim: any sound is read as one channel at the network's rate, and every one that cannot be is named."""

from __future__ import annotations

import base64
import io
import math
import re
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from headstart.core.errors import DataError, UsageError
from headstart.core.input import Cut
from headstart.data.inputs import contents
from headstart.inputs import PICTURE, SOUND, _sound
from headstart.inputs._sound import Clip, as_clip, duration, is_sound, read_sound, resampled
from headstart.inputs._spectrogram import HEIGHT, WIDTH, player, spectrogram
from headstart.inputs.audio import Audio
from sounds import RATE, tone, wav

SOUND_FILE = pytest.importorskip("soundfile")
pytest.importorskip("soxr")
TONE = tone(440.0)


def bytes_of(uri: str) -> bytes:
    return base64.b64decode(uri.partition(",")[2])


@pytest.mark.parametrize(("kind", "error"), [("wav", 1e-4), ("flac", 1e-4), ("ogg", 0.05), ("mp3", 0.1)])
def test_files_of_all_kinds_hold_the_same_sound(tmp_path: Path, kind: str, error: float) -> None:
    long = tone(440.0, 1.0, 16_000)
    SOUND_FILE.write(tmp_path / f"a.{kind}", long, 16_000)
    clip, channels = read_sound(tmp_path / f"a.{kind}")
    assert (clip.rate, channels, clip.samples.dtype) == (16_000, 1, np.float32)
    assert np.abs(clip.samples[2000:14_000] - long[2000:14_000]).max() < error
    assert is_sound(tmp_path / f"a.{kind}") and is_sound((tmp_path / f"a.{kind}").read_bytes())
    assert duration(tmp_path / f"a.{kind}") == pytest.approx(1.0, abs=0.1)


def test_channels_are_averaged_and_whole_numbers_scaled() -> None:
    two = np.array([[1.0, 0.0], [0.5, -0.5], [-1.0, 0.0]])
    clip, channels = read_sound(Clip(two, RATE))
    assert clip.samples.tolist() == [0.5, 0.0, -0.5] and channels == 2
    assert read_sound(Clip(np.array([-32768, 16384], dtype=np.int16), RATE))[0].samples.tolist() == [-1.0, 0.5]
    assert read_sound(Clip(np.array([0, 128, 192], dtype=np.uint8), RATE))[0].samples.tolist() == [-1.0, 0.0, 0.5]


def test_another_rate_keeps_the_pitch_and_the_length() -> None:
    for rate in (8_000, 16_000, 44_100, 48_000):
        found = resampled(Clip(tone(1000.0, 0.5, rate), rate), 16_000)
        assert len(found) == 8_000 and np.abs(np.fft.rfft(found)).argmax() == 500  # cycles in half a second


def test_samples_come_with_their_rate_in_either_order() -> None:
    for cell in ((TONE, RATE), (RATE, TONE), {"array": TONE, "sampling_rate": RATE, "path": None}):
        found = as_clip(cell)
        assert found is not None and found.rate == RATE and np.array_equal(found.samples, TONE)
        assert contents([cell, cell]) == "audio"
    assert as_clip((TONE, 8.0)) is as_clip((1, 2)) is as_clip(TONE) is as_clip("a.wav") is None
    assert not is_sound(Path("a.png")) and not is_sound(b"\x89PNG") and not is_sound(b"RIFF\0\0\0\0WEBP")


def test_a_longer_sound_is_cut_to_its_middle_and_a_shorter_one_followed_by_silence() -> None:
    expects = Audio(4, 1.0)
    assert expects.example(np.arange(10.0)).tolist() == [3, 4, 5, 6]
    assert expects.example(np.array([1.0, 2.0])).tolist() == [1, 2, 0, 0]
    assert expects.window(np.array([1.0, 2.0]), 1).tolist() == [0, 1, 2, 0]
    assert expects.window(np.array([1.0, 2.0]), 9).tolist() == [0, 0, 1, 2], "nothing of it is lost"
    assert expects.window(np.arange(10.0), 1).tolist() == [2, 3, 4, 5]
    assert expects.window(np.arange(10.0), 99).tolist() == [0, 1, 2, 3]
    cut = Audio(RATE, 0.2).cut([Clip(TONE, RATE), Clip(TONE[:100], RATE)])
    assert cut == Cut([0], "is longer than 0.2 s, of which the middle is heard", cut.mend if cut else "")
    assert cut is not None and "adapt_input seconds=0.3" in cut.mend
    assert Audio(RATE, 0.3).cut([Clip(TONE, RATE)]) is None
    assert Audio.measure([Clip(TONE, RATE), wav(TONE[:100])], ["x"]) == {"seconds": 0.3}


BAD = {
    "empty.wav": (b"", "is empty \\(0 bytes\\)"),
    "none.wav": (wav(np.zeros(0)), "holds no sound \\(0 samples\\)"),
    "one.wav": (wav(np.zeros(1)), "holds a single sample"),
    "text.wav": (b"not a sound", "is not a sound that soundfile reads .*convert it to wav or flac"),
    "cut.flac": (b"fLaC\0\0", "is not a sound that soundfile reads"),
    "codec.m4a": (b"\0\0\0\x18ftypM4A isom", "is not a sound that soundfile reads"),
    "lfs.wav": (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
}


def test_every_sound_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    for name, (content, _) in BAD.items():
        (tmp_path / name).write_bytes(content)
    files = [tmp_path / name for name in BAD]
    nan, inf = Clip(np.array([0.0, np.nan, 1.0]), RATE), Clip(np.array([[0.0, 1.0], [np.inf, 1.0], [0, 0]]), RATE)
    more = {
        "nan": (nan, "has 1 samples that are no finite numbers \\(nan at 1\\)"),
        "inf": (inf, "no finite numbers \\(inf at 1\\)"),
        "first": (Clip(np.zeros((2, 50)), RATE), "channels first"),
        "rate": (Clip(TONE, 0), "has 0 samples a second"),
        "shape": (Clip(np.zeros((2, 2, 2)), RATE), "has shape \\(2, 2, 2\\)"),
        "gone": (tmp_path / "gone.wav", "cannot be read: No such file"),
    }
    ids = [*BAD, *more, "right"]
    with pytest.raises(DataError) as caught:
        Audio.check(ids, [*files, *(item for item, _ in more.values()), Clip(TONE, RATE)])
    problems = {problem.where: f"{problem}" for problem in caught.value.problems}
    assert list(problems) == ids[:-1]
    for name, (_, what) in {**BAD, **more}.items():
        assert re.search(what, problems[name]), problems[name]


def table(**columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()})


def test_pieces_are_cut_from_a_sound_by_their_seconds(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(np.arange(8000) / 10_000, 1000))
    for whole in (tmp_path / "a.wav", (tmp_path / "a.wav").read_bytes(), (np.arange(8000) / 10_000, 1000)):
        frame = table(clip=[whole] * 3, start=["1", "", 7], end=[2.5, None, "9"])
        assert Audio.columns(frame, ["clip"], ["end", "start"]) == ("clip", "start", "end")
        items = Audio.read(frame, ["clip", "start", "end"])
        found = [read_sound(item)[0].samples for item in items]
        wanted = [np.arange(1000, 2500), np.arange(8000), np.arange(7000, 8000)]
        assert all(np.allclose(one, other / 10_000, atol=1e-4) for one, other in zip(found, wanted, strict=True))
        assert [duration(item) for item in items] == [1.5, 8.0, 1.0]
        assert len(set(Audio.check(["a", "b", "c"], items)[0])) == 3
        assert len({Audio().key(item) for item in items}) == 3
    items = Audio.read(table(clip=[tmp_path / "a.wav"] * 2, start=[0, 0], end=[1, 2]), ["clip", "start", "end"])
    assert len({Audio().key(item) for item in items}) == 2
    assert "2 sounds are pieces of 1 files: group='COLUMN' keeps those of one" in Audio.check(["a", "b"], items)[1][0]
    assert Audio.loose(["a.wav"], ["clip", "start"]) == {"clip": [Path("a.wav")], "start": [None]}


def test_pieces_that_are_none_are_named() -> None:
    cells = [(TONE, RATE)] * 5
    frame = table(clip=cells, start=[0.2, "x", -1, 0.1, 0], end=[0.1, 1, 1, math.inf, 0])
    with pytest.raises(DataError) as caught:
        Audio.read(frame, ["clip", "start", "end"])
    assert [(problem.where, problem.what) for problem in caught.value.problems] == [
        ("0", "ends at 0.1 s and starts at 0.2 s"),
        ("1, column 'start'", "holds no seconds from 0 on"),
        ("2, column 'start'", "holds no seconds from 0 on"),
        ("3, column 'end'", "holds no seconds from 0 on"),
        ("4", "ends at 0 s and starts at 0 s"),
    ]
    late = Audio.read(table(clip=cells[:1], start=[5], end=[6]), ["clip", "start", "end"])
    with pytest.raises(DataError, match=r"starts at 5 s, and the sound ends at 0.3 s"):
        Audio.check(["a"], late)


def test_what_is_made_of_sounds_is_said() -> None:
    items = [Clip(TONE, RATE), Clip(np.stack([TONE, TONE], axis=1), 16_000), Clip(np.zeros(100), RATE)]
    digests, notes = Audio.check(["a", "b", "c"], items)
    assert len(set(digests)) == 3
    assert notes == [
        "1 sound has several channels: their mean is heard",
        "sounds of several rates, each brought to the network's: 8,000 Hz (2), 16,000 Hz (1)",
        "1 sound holds nothing but silence: c",
    ]


def test_a_missing_package_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(f"No module named '{name}'")

    _sound._library.cache_clear()
    monkeypatch.setattr("importlib.import_module", absent)
    with pytest.raises(UsageError, match=r"soundfile .*pip install 'headstart\[audio\]'"):
        Audio.check(["a"], [wav(TONE)])
    _sound._library.cache_clear()


def test_a_spectrogram_is_bright_at_the_pitch_of_a_tone() -> None:
    for place in (5.5, 20.5, 50.5):  # of 64 rows up to 4 kHz
        uri = spectrogram(Clip(tone(place * 4000 / HEIGHT), RATE))
        picture = np.asarray(Image.open(io.BytesIO(bytes_of(uri))))
        assert picture.shape == (HEIGHT, WIDTH)
        assert (picture.argmax(axis=0) == HEIGHT - 1 - int(place)).all() and picture.max() == 255
    assert np.asarray(Image.open(io.BytesIO(bytes_of(spectrogram(Clip(np.zeros(9), RATE)))))).max() == 0


def test_a_player_has_the_first_seconds_at_full_scale() -> None:
    with wave.open(io.BytesIO(bytes_of(player(Clip(0.01 * tone(440.0, 5.0, 44_100), 44_100))))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (8_000, 1, 24_000)
        assert np.abs(np.frombuffer(file.readframes(24_000), "<i2")).max() > 32_000
    preview = Audio.preview(Clip(TONE, RATE), ["x"])
    assert preview[PICTURE].startswith("data:image/png") and preview[SOUND].startswith("data:audio/wav")


def test_the_way_into_the_network_is_told() -> None:
    steps = dict(Audio(16_000, 0.2).walk([wav(np.stack([TONE, TONE], axis=1))]))
    assert steps["decoded"] == "0.300 s at 8,000 Hz, the mean of 2 channels"
    assert {"resampled to 16,000 Hz", "its middle"} <= set(steps)
    with pytest.raises(UsageError, match="one input column"):
        Audio.read(pd.DataFrame({"a": [wav(TONE)], "b": [wav(TONE)]}), ["a", "b"])
