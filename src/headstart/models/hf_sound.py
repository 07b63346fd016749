"""Networks of sounds in folders of the Hugging Face layout: what they hear, and how long."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from headstart.core.errors import SourceError, UsageError
from headstart.core.types import Card
from headstart.inputs.audio import LONGEST, Audio
from headstart.models.hf_folder import read_json
from headstart.models.sound_backbone import AstBackbone, SamplesBackbone, SoundBackbone, WhisperBackbone

WHISPER, AST = "whisper", "audio-spectrogram-transformer"
SAMPLES = ("wav2vec2", "hubert", "wavlm", "data2vec-audio", "unispeech", "unispeech-sat")
KINDS: dict[str, type[SoundBackbone]] = {
    WHISPER: WhisperBackbone,
    AST: AstBackbone,
    **dict.fromkeys(SAMPLES, SamplesBackbone),
}
POSITIONS = 50  # of Whisper's encoder for each second
HOP, FRAME = 160, 400  # samples between frames of spectrograms, and of each


@dataclass(frozen=True)
class Hearing:
    """What a network is given: the input it expects, its front end and what its config says otherwise."""

    expects: Audio
    front_end: dict[str, Any]
    config: dict[str, Any]


def hearing(folder: Path, config: Any, seconds: float | None) -> Hearing:
    """Find what a network hears.

    Args:
        folder: A folder in the Hugging Face layout.
        config: transformers' config.
        seconds: How long a sound may be; None is as long as it can be, up to 30 s.

    Returns:
        The input, the front end, and the positions that are left of the network.

    Raises:
        SourceError: The network is of a family that is not known, or takes another rate than 16 kHz.
        UsageError: It cannot hear as long as is asked for.
    """
    kind = config.model_type
    plain = read_json(folder / "preprocessor_config.json")
    rate = int(plain.get("sampling_rate", 16_000))
    if kind not in KINDS or (rate != 16_000 and kind in (WHISPER, AST)):
        raise SourceError(
            f"{folder} is a {kind} of {rate:,} Hz; known are {', '.join(KINDS)}, the first two of 16,000."
        )
    if kind in SAMPLES:
        front_end = {"normalise": plain.get("do_normalize", True), "masked": plain.get("return_attention_mask", False)}
        return Hearing(Audio(rate, seconds or LONGEST), front_end, {})
    if kind == AST:
        frames = config.max_length
        whole = ((frames - 1) * HOP + FRAME) / rate
        front_end = {"bins": config.num_mel_bins, "frames": frames}
        front_end |= {"mean": plain.get("mean", -4.2677393), "std": plain.get("std", 4.5689974)}
        return Hearing(Audio(rate, min(whole, seconds or whole)), front_end, {})
    most = config.max_source_positions
    positions = most if seconds is None else math.ceil(round(seconds * POSITIONS, 6))
    if positions > most:
        raise UsageError(f"seconds must be at most {most / POSITIONS:g} for {folder.name}, not {seconds:g}.")
    front_end = {"bins": config.num_mel_bins}
    return Hearing(Audio(rate, positions / POSITIONS), front_end, {"max_source_positions": positions})


def shorten(encoder: Any, positions: int | None) -> None:
    """Leave Whisper's encoder the first of its positions; None leaves it as it is."""
    if positions is not None:
        encoder.embed_positions = nn.Embedding.from_pretrained(encoder.embed_positions.weight[:positions].clone())
        encoder.config.max_source_positions = encoder.max_source_positions = positions


def backbone(net: nn.Module, card: Card) -> SoundBackbone:
    """Make the backbone of a family."""
    return KINDS[card.family](net, card)
