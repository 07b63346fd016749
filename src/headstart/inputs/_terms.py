"""Texts to weighted terms: the TF-IDF of scikit-learn, learnt once, kept as a plain file, used like a tokenizer."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from headstart.core.errors import SourceError, UsageError, reason_of
from headstart.core.interface import option

FILE = "terms.json"
FORMAT = 1
By = Literal["words", "chars"]
GRAMS: dict[str, dict[str, Any]] = {  # words one and two at a time, characters one to three
    "words": {"analyzer": "word", "ngram_range": (1, 2)},
    "chars": {"analyzer": "char", "ngram_range": (1, 3)},
}
MANY = 1000  # texts from which on a term that is in one alone is left out
MOST_BYTES = 400_000_000  # of the features of all training rows, float32
MOST_TERMS = 200_000


@dataclass(frozen=True)
class Terms:
    """Terms with their inverse document frequency; a text becomes its terms with their TF-IDF, of length 1 together.

    The frequency in a text counts by its logarithm. Of a pair, the terms of the two texts are told apart.
    """

    pad_token_id: ClassVar[int] = 0
    unk_token_id: ClassVar[int | None] = None

    by: By
    terms: tuple[str, ...]
    idf: tuple[float, ...]

    @classmethod
    def learn(cls, texts: Sequence[Any], by: By) -> Terms:
        """Learn the terms of texts, the most frequent ones where all would take too much memory.

        Args:
            texts: Texts, or pairs of texts.
            by: What is a term.

        Returns:
            The terms.

        Raises:
            SourceError: There is no term in any text, or none in more than one.
        """
        vectorizer = _vectorizer(by, min_df=2 if len(texts) >= MANY else 1, max_features=cls.most(len(texts)))
        try:
            vectorizer.fit(texts)
        except ValueError as error:  # an empty vocabulary
            raise SourceError(
                f"The {len(texts):,} training texts have no {by} to learn from ({error}). Look at the input column, or "
                f"take another {option('source')} (headstart list sources)."
            ) from error
        terms = vectorizer.get_feature_names_out().tolist()
        return cls(by, tuple(terms), tuple(round(float(value), 6) for value in vectorizer.idf_))

    @classmethod
    def most(cls, texts: int) -> int:
        """Return how many terms so many texts may have at most."""
        return max(1, min(MOST_TERMS, MOST_BYTES // (4 * texts)))

    @classmethod
    def read(cls, path: Path) -> Terms:
        """Read a file that `save_pretrained` wrote.

        Args:
            path: The file.

        Returns:
            The terms.

        Raises:
            UsageError: It is not such a file.
        """
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            form, by, terms, idf = plain["format"], plain["by"], plain["terms"], plain["idf"]
            right = form == FORMAT and by in GRAMS and len(terms) == len(idf) == len(set(terms)) > 0
            made = cls(by, tuple(map(str, terms)), tuple(map(float, idf)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path} holds no terms: {type(error).__name__}: {reason_of(error)}. Fetch it again."
            ) from error
        if not right:
            raise UsageError(f"{path} holds no terms of format {FORMAT}. Fetch it again.")
        return made

    def save_pretrained(self, folder: Path) -> None:
        """Write the terms into the folder, which is made where it is not there."""
        folder.mkdir(exist_ok=True)
        plain = {"format": FORMAT, "by": self.by, "terms": self.terms, "idf": self.idf}
        (folder / FILE).write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")

    def in_a_folder(self) -> Path:
        """Write the terms into a folder of their own, which is removed when the process ends."""
        folder = Path(tempfile.mkdtemp(prefix="headstart-tfidf-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self.save_pretrained(folder)
        return folder

    def __call__(
        self, first: Sequence[str], second: Sequence[str] | None = None, **others: Any
    ) -> dict[str, list[np.ndarray]]:
        """Find the terms of texts, with their weights, as a tokenizer does.

        Args:
            first: Texts.
            second: Of pairs the second texts.
            **others: What other tokenizers want to know; a text is never cut here.

        Returns:
            Places of terms, and weights, for each text.
        """
        found = self._fitted.transform(first if second is None else list(zip(first, second, strict=True)))
        rows = list(zip(found.indptr, found.indptr[1:], strict=False))
        return {
            "input_ids": [found.indices[start:end] for start, end in rows],
            "weights": [found.data[start:end] for start, end in rows],
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.by, self.terms, self.idf)  # without the vectoriser, whose functions are no plain data

    @cached_property
    def _fitted(self) -> Any:
        vectorizer = _vectorizer(self.by, vocabulary={term: place for place, term in enumerate(self.terms)})
        vectorizer.idf_ = np.asarray(self.idf, dtype=np.float32)
        return vectorizer


def _vectorizer(by: By, **settings: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    analyse: Callable[[str], list[str]] = TfidfVectorizer(**GRAMS[by]).build_analyzer()

    def terms(item: Any) -> list[str]:
        if isinstance(item, str):
            return analyse(item)
        return [f"{place}:{term}" for place, text in enumerate(item, 1) for term in analyse(text)]

    return TfidfVectorizer(analyzer=terms, sublinear_tf=True, dtype=np.float32, **settings)  # pyright: ignore
