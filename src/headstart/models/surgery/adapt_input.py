"""Let a network take another input: other channels, another image size, new words, longer sounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from headstart.core.errors import UsageError
from headstart.inputs import require
from headstart.inputs.audio import Audio
from headstart.inputs.image import Image
from headstart.models.operate import Body
from headstart.models.surgery._channels import adapt_channels
from headstart.models.surgery._positions import adapt_size, show_more
from headstart.models.surgery._vocabulary import add_words


@dataclass(frozen=True)
class AdaptInput:
    """Let a network take another input.

    channels: of the images: the first convolution's weights are changed. by: "inflate" repeats or sums the source's
    channels, scaled so that a grey image gives the same output as before (nearly, where the source normalises its
    channels by different means); "average" gives every channel their mean,
    scaled likewise; "copy" takes them as they are, in turn. size: height and width of images; position embeddings
    are resampled. tokens: new words for the tokenizer. start: what they begin as, the mean of their sub-words or of
    all words. rows: the least number of rows of the embedding. max_length: the most tokens of a text that are kept, as
    far as the network has positions. whole: images are squeezed to the network's shape: nothing of them is cut.
    seconds: how much of a sound is heard, by a network that takes any length.
    """

    structural: ClassVar[bool] = True
    channels: int | None = None
    by: Literal["inflate", "average", "copy"] = "inflate"
    size: int | None = None
    tokens: tuple[str, ...] = ()
    start: Literal["subword", "mean"] = "subword"
    rows: int | None = None
    max_length: int | None = None
    whole: bool = False
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("channels", "size", "rows", "max_length"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}.")
        if self.seconds is not None and self.seconds <= 0:
            raise ValueError(f"seconds must be more than 0, not {self.seconds}.")

    @property
    def keeps_weights(self) -> bool:
        """Whether only more of each example is shown."""
        return self.channels is self.size is self.rows is None and not self.tokens

    def apply(self, body: Body) -> Self:
        """Change the first layers and what the card says of the input. UsageError: the network takes another kind of
        input, or has no layer that could be adapted.
        """
        image, text = self.channels is not None or self.size is not None, bool(self.tokens or self.rows)
        if not image and not text and not self.max_length and not self.whole and not self.seconds:
            raise UsageError(
                "adapt_input needs channels, size or tokens, whole, max_length or seconds: what the new input is."
            )
        if self.max_length is not None:
            show_more(body, self.max_length)
        if self.whole:
            expected = require(body.backbone.card.input, Image, "adapt_input: whole is for images")
            body.expect(replace(expected, whole=True))
        if self.seconds is not None:
            expected = require(body.backbone.card.input, Audio, "adapt_input: seconds is for sounds")
            body.expect(replace(expected, seconds=self.seconds))
            body.note(f"hears {self.seconds:g} s in place of {expected.seconds:g} s")
        if self.channels is not None:
            adapt_channels(body, self.channels, self.by)
        if self.size is not None:
            adapt_size(body, self.size)
        if text:
            return replace(self, rows=add_words(body, self.tokens, self.start, self.rows or 0))
        return self
