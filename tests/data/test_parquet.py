"""Text of a Parquet file stays Arrow's where no cell is missing; a missing cell is None, as in every other file."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from headstart.data.readers._records import read_parquet


def test_text_with_and_without_missing_cells_in_several_groups(tmp_path: Path) -> None:
    frame = pd.DataFrame({"whole": ["a", "b", "c"], "part": ["x", "y", None], "kind": pd.Categorical(["u", "v", "u"])})
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "t.parquet", row_group_size=2)
    columns = read_parquet(tmp_path / "t.parquet", "t.parquet")
    for name in ("whole", "kind"):
        assert isinstance(columns[name], pa.ChunkedArray) and columns[name].type == pa.large_string()
        assert columns[name].to_pylist() == frame[name].tolist()
    assert columns["part"] == ["x", "y", None]
