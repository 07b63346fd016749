"""Let a network take another input: other channels, another image size, new words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from headstart.core.errors import UsageError
from headstart.models.operate import Body
from headstart.models.surgery._channels import adapt_channels
from headstart.models.surgery._positions import adapt_size
from headstart.models.surgery._vocabulary import add_words


@dataclass(frozen=True)
class AdaptInput:
    """Let a network take another input.

    channels: of the images: the first convolution's weights are changed. by: "inflate" repeats or sums the source's
    channels, scaled so that a grey image gives the same output as before (nearly, where the source normalises its
    channels by different means); "average" gives every channel their mean,
    scaled likewise; "copy" takes them as they are, in turn. size: height and width of images; position embeddings
    are resampled. tokens: new words for the tokenizer. start: what they begin as, the mean of their sub-words or of
    all words. rows: the least number of rows of the embedding.
    """

    structural: ClassVar[bool] = True
    channels: int | None = None
    by: Literal["inflate", "average", "copy"] = "inflate"
    size: int | None = None
    tokens: tuple[str, ...] = ()
    start: Literal["subword", "mean"] = "subword"
    rows: int | None = None

    def __post_init__(self) -> None:
        for name in ("channels", "size", "rows"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}.")

    def apply(self, body: Body) -> Self:
        """Change the first layers and what the card says of the input. UsageError: the network takes another kind of
        input, or has no layer that could be adapted.
        """
        image, text = self.channels is not None or self.size is not None, bool(self.tokens or self.rows)
        if not image and not text:
            raise UsageError("adapt_input needs channels, size or tokens: what the new input is.")
        if self.channels is not None:
            adapt_channels(body, self.channels, self.by)
        if self.size is not None:
            adapt_size(body, self.size)
        if text:
            return replace(self, rows=add_words(body, self.tokens, self.start, self.rows or 0))
        return self
