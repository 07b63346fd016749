"""Hidden tokens that a network is asked for (Devlin et al. 2019, arXiv:1810.04805, section 3.1).

They are drawn anew each time that a row is shown (dynamic masking; Liu et al. 2019, arXiv:1907.11692, section 4.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headstart.core.input import View
from headstart.inputs.text import Text

MASK, OTHER = 0.8, 0.1  # shares of what is asked: behind the mask, behind any token; the rest stays


@dataclass(frozen=True)
class Masked(View):
    """Ask for a share of a text's tokens: 80 % of these are masked, 10 % exchanged with any token, 10 % stay.

    share: of the tokens that are no marks of the tokenizer; each text is asked for one at least. Beside the tokens,
    "asked" tells 1 + the token that stood there, and 0 where none is asked for. Without a mask texts stay as they are.
    """

    share: float = 0.15
    inputs: ClassVar[tuple[type, ...]] = (Text,)
    offered: ClassVar[tuple[type, ...]] = ()

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be above 0 and at most 1; it is {self.share}.")

    def show(self, raw: Any, expects: Any) -> Any:
        """Make one example of the tokens of a text; of a pair that is separate, of both."""
        if expects.hidden is None:
            return raw
        return tuple(self._one(text, expects) for text in raw) if expects.separate else self._one(raw, expects)

    def _one(self, tokens: dict[str, np.ndarray], expects: Text) -> dict[str, np.ndarray]:
        import torch

        words, ids = expects.words(tokens), tokens["input_ids"].copy()
        count = min(len(words), max(1, round(self.share * len(words))))
        chosen, fate = words[torch.randperm(len(words))[:count].numpy()], torch.rand(count).numpy()
        asked = np.zeros_like(ids)
        asked[chosen] = ids[chosen] + 1
        ids[chosen[fate < MASK]] = expects.hidden
        others = chosen[fate >= 1 - OTHER]
        ids[others] = torch.randint(expects.vocabulary, (len(others),)).numpy()
        return {**tokens, "input_ids": ids, "asked": asked}
