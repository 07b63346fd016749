"""Where the tokens of a pair of texts stand in the second one, in which an answer is looked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NO_ANSWER = -1  # the end of the first token, which stands for "there is no answer"


def context_places(text: str, offsets: np.ndarray, texts: Sequence[int | None]) -> tuple[np.ndarray, np.ndarray]:
    """Find where each token begins and ends in the second text, without the white space before it.

    Args:
        text: The second one.
        offsets: Where each of T tokens begins and ends in its own text, [T, 2].
        texts: Of which text each token is, 0 or 1; None for marks of the tokenizer.

    Returns:
        Starts and ends, [T] int32 each: 0 for tokens that are not of the second text; the first token's end is
        `NO_ANSWER`.
    """
    starts, ends = offsets.reshape(-1, 2).T.astype(np.int32)
    spaces = np.array([*map(str.isspace, text), False])
    while (blank := spaces[starts.clip(max=len(text))] & (starts < ends)).any():
        starts = starts + blank
    inside = np.array([each == 1 for each in texts], dtype=bool) & (ends > starts)
    starts, ends = starts * inside, ends * inside
    ends[:1] = NO_ANSWER
    return starts, ends
