"""How answers are compared, by the rules of SQuAD (Rajpurkar et al. 2016, section 6.1, arXiv:1606.05250).

Case, punctuation, articles and white space do not count. Of several right answers the best counts; a question without
an answer (Rajpurkar et al. 2018, arXiv:1806.03822) has an empty one.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

ARTICLES = re.compile(r"\b(a|an|the)\b")
MARKS = str.maketrans("", "", string.punctuation)


def words_of(text: str) -> list[str]:
    """Return the words of an answer that count."""
    return ARTICLES.sub(" ", text.lower().translate(MARKS)).split()


def exact(label: str, answer: str) -> float:
    """Return 1 where both are the same words, else 0."""
    return float(words_of(label) == words_of(answer))


def overlap(label: str, answer: str) -> float:
    """Compute the F1 of the words that both have, each as often as it is in both."""
    wanted, found = words_of(label), words_of(answer)
    if not wanted or not found:
        return float(wanted == found)
    return 2 * (Counter(wanted) & Counter(found)).total() / (len(wanted) + len(found))


def best(compare: Callable[[str, str], float], labels: Sequence[str], answer: str) -> float:
    """Compare with the right answer that is nearest; without any, nothing is right."""
    return max(compare(label, answer) for label in labels or ("",))
