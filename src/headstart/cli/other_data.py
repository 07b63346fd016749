"""headstart adapt and headstart generalise: knowledge from other domains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from headstart.cli.fit import fit
from headstart.core.errors import UsageError

Source = Annotated[str | None, typer.Option(help="The pretrained model (headstart list sources).")]
Sources = Annotated[list[str] | None, typer.Option(help="Models to choose among: pattern, list file.")]
Strategy = Annotated[str | None, typer.Option(help="How weights may move: full, 'partial k=2' …")]
Criterion = Annotated[str | None, typer.Option(help="What chooses steps (headstart list criteria).")]
Label = Annotated[str | None, typer.Option(help="Column with the label; several with commas.")]
Inputs = Annotated[str | None, typer.Option("--input", help="Column with the input; several with commas.")]
Reader = Annotated[str | None, typer.Option(help="How to read the data (headstart list readers).")]
Epochs = Annotated[float | None, typer.Option(help="Passes over the rows.")]
Steps = Annotated[int | None, typer.Option(help="Steps, in place of epochs.")]
Rate = Annotated[float | None, typer.Option(help="Learning rate.")]
Setting = Annotated[list[str] | None, typer.Option("--set", help="Any setting of the recipe: PATH=VALUE.")]
Seed = Annotated[int | None, typer.Option(help="Decides everything random. By default 0.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:NUMBER.")]
Out = Annotated[Path | None, typer.Option(help="Folder of the run, else one below runs/.")]
Explain = Annotated[bool, typer.Option("--explain", help="Say what was tried, and why it was kept or not.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every figure and each step of the way.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")]


def adapt(
    context: typer.Context,
    data: Annotated[str | None, typer.Argument(help="Both domains, where they are named.")] = None,
    source_data: Annotated[str | None, typer.Option(help="Labelled rows: a folder or a table.")] = None,
    target: Annotated[str | None, typer.Option(help="Rows to answer for; labels only test.")] = None,
    target_labels: Annotated[str | None, typer.Option(help="A few rows of the target with labels.")] = None,
    source_domain: Annotated[str | None, typer.Option(help="Labelled domain in DATA; several with commas.")] = None,
    target_domain: Annotated[str | None, typer.Option(help="Domain in DATA that counts.")] = None,
    objective: Annotated[str, typer.Option(help="auto, or one by its name.")] = "auto",
    budget: Annotated[str | None, typer.Option(help="Time: 90s, 5m, 1h; by default 5m.")] = None,
    source: Source = None,
    sources: Sources = None,
    strategy: Strategy = None,
    criterion: Criterion = None,
    transductive: Annotated[
        bool, typer.Option("--transductive", help="Learn from the test rows too, without labels.")
    ] = False,
    label: Label = None,
    inputs: Inputs = None,
    reader: Reader = None,
    epochs: Epochs = None,
    steps: Steps = None,
    lr: Rate = None,
    setting: Setting = None,
    seed: Seed = None,
    device: Device = None,
    out: Out = None,
    explain: Explain = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Learn from a labelled domain what holds for one without labels.

    Example: headstart adapt --source-data photos/ --target paintings/
    """
    from headstart.other_data import adapting, check_target

    if data is not None and source_data is not None:
        raise UsageError("DATA holds both domains, and --source-data one: name one of them.")
    check_target(target, target_domain)
    words = {name: value for name, value in locals().items() if name in SHARED}
    words |= {
        "target": target,
        "target_labels": target_labels,
        "transductive": transductive,
        "explain": explain,
        "budget": budget,
        "sources": sources,
    }
    fit(context, data=data or source_data, **adapting(words, objective))


def generalise(
    context: typer.Context,
    data: Annotated[str, typer.Argument(help="DOMAIN/CLASS folders, or such a table.")],
    leave_out: Annotated[str, typer.Option(help="Domain that measures; several with commas.")],
    objective: Annotated[str, typer.Option(help="auto, or one: irm, vrex …")] = "supervised",
    budget: Annotated[str | None, typer.Option(help="Time: 90s, 5m, 1h; of auto by default 5m.")] = None,
    source: Source = None,
    sources: Sources = None,
    strategy: Strategy = None,
    criterion: Criterion = None,
    label: Label = None,
    inputs: Inputs = None,
    reader: Reader = None,
    epochs: Epochs = None,
    steps: Steps = None,
    lr: Rate = None,
    setting: Setting = None,
    seed: Seed = None,
    device: Device = None,
    out: Out = None,
    explain: Explain = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Learn from several labelled domains what holds for an unseen one.

    Example: headstart generalise pictures/ --leave-out sketch
    """
    from headstart.other_data import generalising

    own: dict[str, Any] = {name: value for name, value in locals().items() if name in SHARED}
    own |= {"explain": explain, "budget": budget, "sources": sources}
    fit(context, data=data, **generalising(data, leave_out.split(","), own, objective))


SHARED = (
    *("source", "strategy", "criterion", "source_domain", "target_domain", "label", "inputs", "reader", "epochs"),
    *("steps", "lr", "setting", "seed", "device", "out", "verbose", "as_json"),
)
