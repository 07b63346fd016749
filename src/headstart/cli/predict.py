"""headstart predict: use a saved model on new examples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.core.errors import UsageError

SHOWN = 20


def predict(
    folder: Annotated[str, typer.Argument(help="Folder of a run or of a saved model.")],
    data: Annotated[list[str], typer.Argument(help="A folder, a table, image files, or texts.")],
    out: Annotated[Path | None, typer.Option(help="Write the predictions here: .csv, .jsonl or .parquet.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:NUMBER.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Predict for new examples.

    Example: headstart predict runs/photos-full-1 new.jpg other.jpg
    """
    from headstart.cli.show import Show

    show = Show(as_json)
    if out is not None and out.suffix not in (".csv", ".jsonl", ".parquet"):
        raise UsageError(f"--out {out}: the ending says the format, one of .csv, .jsonl, .parquet.")
    if out is not None and not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.parent}.")
    from headstart.artifact.find import find

    find(folder)  # before the slow imports
    from headstart.artifact.load import load
    from headstart.evaluation.tables import flat_frame, predictions_frame, probability_columns

    predictor = load(folder, device=device)
    examples = data[0] if len(data) == 1 and _is_path(data[0]) else data
    rows = predictor.rows(examples)
    outputs = predictor.outputs(rows)
    frame = predictions_frame(predictor.task, list(rows.ids), {}, outputs, calibrations=predictor.calibrations)
    if out is not None:
        from headstart.core.storage import new_file

        with new_file(out) as path:
            if out.suffix == ".csv":
                flat_frame(predictor.task, frame).to_csv(path, index=False)
            elif out.suffix == ".jsonl":
                frame.to_json(path, orient="records", lines=True, force_ascii=False)
            else:
                frame.to_parquet(path)
        show.note(f"{len(frame):,} predictions written to {out}")
    else:
        probabilities = probability_columns(predictor.task)
        first = flat_frame(predictor.task, frame.head(SHOWN).drop(columns=list(probabilities)))
        cells = [[_cell(value) for value in row] for row in first.itertuples(index=False)]
        show.table(f"{len(frame):,} predictions", list(first.columns), cells)
        if len(frame) > SHOWN:
            show.note(f"The first {SHOWN}; all of them with --out FILE.csv")
    show.finish({"run": folder, "predictions": frame.to_dict(orient="records")})


def _is_path(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:  # a text that is too long for a name
        return False


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
