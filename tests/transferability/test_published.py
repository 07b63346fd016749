"""Agreement of scores with accuracies: as published tables print it, and as it follows by hand.

The columns are those of the benchmark of model selection in the Transfer-Learning-Library, by the authors of LogME
(github.com/thuml/Transfer-Learning-Library, examples/model_selection/README.md): ten models of ImageNet, fine-tuned.
Left out are its tables of Aircraft, DTD and Pets and the columns of LogME for Caltech101 and CIFAR100: what they print
does not follow from the columns beside it (for DTD, that of NCE repeats that of LogME).
"""

from __future__ import annotations

import math

import pytest

from headstart.transferability._agreement import regret, weighted_tau

# GoogleNet, Inception V3, ResNet50, 101, 152, DenseNet121, 169, 201, MobileNet V2, MNASNet
FINE_TUNED = {
    "CIFAR10": (96.2, 97.5, 96.8, 97.7, 97.9, 97.2, 97.4, 97.4, 95.7, 96.8),
    "StanfordCars": (91.0, 92.3, 91.7, 91.7, 92.0, 91.5, 91.5, 91.0, 91.0, 88.5),
    "SUN397": (62.0, 65.7, 64.7, 64.8, 66.0, 62.3, 63.0, 64.7, 60.5, 60.7),
}
SCORES = [
    ("CIFAR10", "H-score", 0.800, (5.911, 6.363, 6.567, 6.901, 6.945, 6.210, 6.547, 6.706, 5.928, 6.018)),
    ("CIFAR10", "LEEP", 0.638, (-1.385, -1.259, -1.010, -0.829, -0.838, -1.035, -0.934, -0.888, -1.100, -1.066)),
    ("CIFAR10", "LogME", 0.785, (0.293, 0.349, 0.388, 0.463, 0.469, 0.302, 0.343, 0.369, 0.291, 0.304)),
    ("CIFAR10", "NCE", 0.714, (-1.139, -1.060, -1.007, -0.838, -0.851, -1.006, -0.946, -0.866, -1.089, -1.086)),
    ("StanfordCars", "H-score", 0.638, (41.47, 73.68, 72.94, 73.98, 76.17, 45.82, 63.40, 70.50, 51.12, 51.91)),
    ("StanfordCars", "LEEP", 0.703, (-4.612, -4.268, -4.366, -4.281, -4.215, -4.437, -4.286, -4.319, -4.463, -4.423)),
    ("StanfordCars", "LogME", 0.654, (1.246, 1.259, 1.253, 1.255, 1.260, 1.249, 1.252, 1.251, 1.250, 1.254)),
    ("StanfordCars", "NCE", 0.750, (-4.312, -4.110, -4.221, -4.218, -4.142, -4.271, -4.175, -4.151, -4.306, -4.338)),
    ("SUN397", "H-score", 0.918, (71.35, 114.21, 110.39, 113.63, 116.51, 72.16, 95.80, 103.09, 75.90, 80.91)),
    ("SUN397", "LEEP", 0.581, (-3.744, -3.372, -3.198, -3.103, -3.056, -3.311, -3.165, -3.205, -3.338, -3.234)),
    ("SUN397", "LogME", 0.748, (1.621, 1.648, 1.638, 1.642, 1.646, 1.614, 1.623, 1.624, 1.617, 1.625)),
    ("SUN397", "NCE", 0.873, (-3.055, -2.844, -2.894, -2.837, -2.822, -2.945, -2.903, -2.896, -2.968, -2.933)),
]


@pytest.mark.parametrize(("data", "score", "printed", "column"), SCORES)
def test_weighted_tau_is_what_the_table_prints(
    data: str, score: str, printed: float, column: tuple[float, ...]
) -> None:
    assert weighted_tau(column, FINE_TUNED[data]) == pytest.approx(printed, abs=5e-4), score


def test_weighted_tau_by_hand() -> None:
    # The last two of three change places: by either order the pairs weigh 1 + 1/2, 1 + 1/3 and, discordant, 1/2 + 1/3.
    discordant = 1 / 2 + 1 / 3
    whole = (1 + 1 / 2) + (1 + 1 / 3) + discordant
    assert weighted_tau([3, 1, 2], [3, 2, 1]) == pytest.approx(1 - 2 * discordant / whole)


def test_a_mistake_among_the_first_weighs_more_than_one_among_the_last() -> None:
    assert weighted_tau([3, 4, 2, 1], [4, 3, 2, 1]) < weighted_tau([4, 3, 1, 2], [4, 3, 2, 1])


def test_weighted_tau_is_not_a_number_where_there_is_no_order() -> None:
    assert math.isnan(weighted_tau([1, 1, 1], [1, 2, 3]))
    assert math.isnan(weighted_tau([1, 2, 3], [5, 5, 5]))
    assert math.isnan(weighted_tau([1, math.nan, 3], [1, 2, 3]))
    assert math.isnan(weighted_tau([1], [1]))


def test_regret_is_what_the_first_choice_lacks() -> None:
    assert regret([0.1, 0.9, 0.5], [91.0, 90.0, 95.0]) == 5.0
    assert regret([0.1, 0.2, 0.5], [91.0, 90.0, 95.0]) == 0.0


def test_regret_of_several_first_ones_is_their_mean_and_without_a_score_none_is_taken() -> None:
    assert regret([0.9, 0.9, 0.5], [91.0, 93.0, 95.0]) == 3.0
    assert regret([math.nan, 0.2, 0.1], [95.0, 90.0, 91.0]) == 5.0
    assert math.isnan(regret([math.nan, math.nan], [1.0, 2.0]))
