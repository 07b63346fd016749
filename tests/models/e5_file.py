"""A small container E5S1: one layer, 32 wide, seven tokens."""

from __future__ import annotations

import struct

import numpy as np

WIDTH, INNER = 32, 64
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁a", "▁b", "▁query:"]


def container() -> bytes:
    """Write one with random weights, but that of `l0.q.w`."""
    draw = np.random.default_rng(0)
    entries: list[tuple[str, int, bytes, int]] = []

    def plain(name: str, count: int) -> None:
        entries.append((name, 0, draw.normal(size=count).astype("<f4").tobytes(), count))

    def packed(name: str, outputs: int, inputs: int) -> None:
        halves = draw.integers(0, 256, (outputs * inputs // 32, 16)).astype(np.uint8)
        if name == "l0.q.w":
            halves[0] = [low | (15 - low) << 4 for low in range(16)]
        scale = np.full((len(halves), 1), 0.5, "<f2").view(np.uint8)
        entries.append((name, 1, np.hstack([scale, halves]).tobytes(), outputs * inputs))

    packed("emb.word", len(PIECES), WIDTH)
    plain("emb.pos", 16 * WIDTH)
    plain("emb.type", 2 * WIDTH)
    for name in ("emb.ln", "l0.aln", "l0.oln"):
        plain(f"{name}.w", WIDTH)
        plain(f"{name}.b", WIDTH)
    for name, outputs, inputs in (
        *((name, WIDTH, WIDTH) for name in ("q", "k", "v", "ao")),
        ("fi", INNER, WIDTH),
        ("fo", WIDTH, INNER),
    ):
        packed(f"l0.{name}.w", outputs, inputs)
        plain(f"l0.{name}.b", outputs)

    blob = [piece.encode() for piece in PIECES]
    offsets = np.cumsum([0, *map(len, blob)]).astype("<u4")
    head = b"E5S1" + struct.pack("<I7ifi", 1, WIDTH, 1, 4, INNER, len(PIECES), 16, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, blob)))
    head += offsets.tobytes() + np.full(len(PIECES), -1.0, "<f4").tobytes() + b"".join(blob)
    table = struct.pack("<IBI", 0xAA, 1, ord("a"))
    head += struct.pack("<iI", 1, len(table)) + table + struct.pack("<i", len(entries))
    place = len(head) + sum(2 + len(name) + 21 for name, *_ in entries)
    directory, data = b"", b""
    for name, kind, content, count in entries:
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, count, place + len(data), len(content))
        data += content
    return head + directory + data
