"""Class lists are looked up by different labels, and problems are told of each row."""

import pandas as pd
import pytest

from headstart.core.errors import DataError
from headstart.targets._class_list import encode_names


def test_every_row_of_an_unknown_class_is_listed() -> None:
    frame = pd.DataFrame({"label": ["a", "c", "b", "c", "d"]}, index=["r0", "r1", "r2", "r3", "r4"])
    with pytest.raises(DataError, match="Classes that were not in training: c, d") as caught:
        encode_names(frame, "label", lambda cell: [cell], ("a", "b"))
    assert [problem.where for problem in caught.value.problems] == ["r1", "r3", "r4"]
    known = frame.iloc[[2, 0, 2]]
    assert encode_names(known, "label", lambda cell: [cell], ("a", "b")) == [[1], [0], [1]]
