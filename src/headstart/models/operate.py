"""Surgery: change a backbone's structure by name, step by step, each checked by a dry run, recorded and undoable.

An operation is a plug-in in `models/surgery/`. It works on a copy, so that an operation that does not fit
changes nothing. What was done stands in the card under `architecture["surgery"]`; `replay` does it again
on a network with random weights, which is how a saved model is built before its weights are loaded.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, Self

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import UsageError, first_few
from headstart.core.options import to_plain
from headstart.core.seeding import torch_seeded
from headstart.core.types import Card, Event, Input
from headstart.models.cards import input_from_plain, input_to_plain, with_files_of
from headstart.models.dryrun import DryRunError, Trace, dry_run, show
from headstart.models.model import Backbone
from headstart.models.restage import restage

RECORD = "surgery"


@dataclass
class Body:
    """What an operation works on: a backbone, the dry run of it before the operation, and notes to whoever watches.

    `replaying` says that the weights are random and will be loaded, so that only the structure counts.
    `renamed` takes the new names of parameters by their old ones.
    """

    backbone: Backbone
    trace: Trace
    replaying: bool = False
    notes: list[Event] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)

    def note(self, message: str, **values: Any) -> None:
        """Report what was done."""
        self.notes.append(Event("note", message, values))

    def warn(self, message: str, **values: Any) -> None:
        """Report what may not be what was wanted."""
        self.notes.append(Event("warning", message, values))

    def expect(self, expected: Input) -> None:
        """Let the backbone expect another input from now on."""
        self.backbone.card = replace(self.backbone.card, input=expected)

    def drop_classifier(self, what: str) -> None:
        """Let go of the source's classifier, where an operation leaves other features than it stood on.

        Args:
            what: The operation, for messages.

        Raises:
            UsageError: An earlier operation asked to start the head from it.
        """
        if self.backbone.kept_rows is not None:
            raise UsageError(f"{what} leaves other features than the source's classifier, which adapt_output asks for.")
        self.backbone.source_classifier = self.backbone.source_hidden = None


class Operation(Protocol):
    """One change of a backbone. Its fields are its options. `structural` ones are done again on load.

    One that adds, changes and drops no weight may declare `keeps_weights`: its features are the source's all the same.
    """

    structural: ClassVar[bool]

    def apply(self, body: Body) -> Self:
        """Change the backbone in place.

        Args:
            body: Holds the backbone, and what a dry run of it showed before any change.

        Returns:
            The operation with everything chosen, as the card records it.

        Raises:
            UsageError: It does not go with this network; the message names the layer and the shapes.
        """
        ...


@dataclass(frozen=True)
class Operated:
    """A backbone after surgery, and what it was before: `before` is untouched and shares no memory with it."""

    backbone: Backbone
    before: Backbone
    operations: tuple[Operation, ...]
    notes: tuple[Event, ...]
    seed: int = 0

    def undo(self, steps: int | None = None) -> Backbone:
        """Take the last steps back.

        Args:
            steps: How many; None takes back all.

        Returns:
            The backbone without them; without any, the very one that was there before.

        Raises:
            UsageError: There were fewer steps.
        """
        count = len(self.operations)
        if steps is None or steps == count:
            return self.before
        if not 0 <= steps < count:
            raise UsageError(f"{steps} steps cannot be undone: {count} were done.")
        return operate(self.before, self.operations[: count - steps], seed=self.seed).backbone


def operate(backbone: Backbone, operations: Sequence[Operation | str], *, seed: int = 0) -> Operated:
    """Do operations on a copy of a backbone, one after another.

    Args:
        backbone: Stays as it is.
        operations: Operations, or texts such as "adapt_input channels=1".
        seed: Decides the weights of new layers.

    Returns:
        The new backbone with the way back.

    Raises:
        UsageError: A name, an option or a shape is wrong; the layer and the shapes are named.
        SourceError: Weights of another source cannot be loaded (load_layers).
    """
    chosen = tuple(build(Choice.parse(op, RECORD)) if isinstance(op, str) else op for op in operations)
    if backbone.card.inserted and any(operation.structural for operation in chosen):
        names = first_few(str(entry["name"]) for entry in backbone.card.inserted)
        raise UsageError(
            f"{backbone.card.name} has modules of a strategy in it ({names}), which stand on the layers as they are. "
            "Do the surgery on the source, and train the strategy after it."
        )
    patient = copy.deepcopy(backbone)
    notes: list[Event] = []
    trace = dry_run(patient)
    for number, operation in enumerate(chosen):
        with torch_seeded(seed, RECORD, number):
            trace = _step(patient, operation, trace, notes)
    return Operated(patient, backbone, chosen, tuple(notes), seed)


def replay(card: Card, source: Callable[[Card], Backbone]) -> Backbone:
    """Build the network of a card whose architecture records surgery.

    Args:
        card: The card as `operate` left it.
        source: Builds the network from the card as it was before the surgery, with random weights.

    Returns:
        The network after the surgery, with random weights and the card as it is.
    """
    record = card.architecture[RECORD]
    plain = {key: value for key, value in card.architecture.items() if key != RECORD}
    expected = with_files_of(input_from_plain(record["input"]), card.input)
    backbone = source(replace(card, architecture=plain, input=expected))
    trace = dry_run(backbone)
    for entry in record["operations"]:
        operation = build(Choice.parse(entry, "the card's surgery"))
        if operation.structural:
            trace = _step(backbone, operation, trace, [], replaying=True)
    backbone.card = card
    return backbone


def keeps_weights(operation: Operation) -> bool:
    """Return whether all weights are the source's after an operation; most change some."""
    return getattr(operation, "keeps_weights", False)


def build(choice: Choice) -> Operation:
    """Build an operation from its name and options."""
    return plugins.build(RECORD, choice.name, choice.options)


def written(operation: Operation) -> dict[str, Any]:
    """Return the table that a recipe and a card hold for an operation."""
    return {"name": plugins.name_of(operation), **to_plain(operation)}


def _step(
    patient: Backbone, operation: Operation, before: Trace, notes: list[Event], *, replaying: bool = False
) -> Trace:
    """Do one operation and check it by a dry run; return that run."""
    body = Body(patient, before, replaying)
    names, stages, card = [name for name, _ in patient.named_parameters()], patient.stages(), patient.card
    done = operation.apply(body)
    try:
        trace = dry_run(patient)
    except DryRunError as error:
        raise UsageError(_does_not_fit(operation, error, before)) from error
    assert trace.features is not None
    patient.dim = trace.features["pooled"].shape[1]
    own = patient.source_classifier or patient.source_hidden
    if own is not None and own[0].shape[1] != patient.dim:
        takes = own[0].shape[1]
        widths = f"the source's classifier takes [B, {takes}], and the features are now [B, {patient.dim}]"
        body.drop_classifier(f"{plugins.name_of(operation)} ({widths})")
        body.note(f"{widths}: it is left out")
    if operation.structural:
        restage(patient, stages, names, body.renamed, trace)
    patient.card = _recorded(patient, card, done)
    notes.extend(body.notes)
    return trace


def _recorded(patient: Backbone, before: Card, operation: Operation) -> Card:
    record: Mapping[str, Any] = before.architecture.get(
        RECORD, {"input": input_to_plain(before.input), "operations": []}
    )
    record = {**record, "operations": [*record["operations"], written(operation)]}
    count = sum(parameter.numel() for parameter in patient.parameters())
    return replace(patient.card, params=count, architecture={**before.architecture, RECORD: record})


def _does_not_fit(operation: Operation, error: DryRunError, before: Trace) -> str:
    """Explain which layer no longer gets what it needs."""
    options = " ".join(f"{key}={value}" for key, value in to_plain(operation).items() if value not in ("", []))
    earlier = before.calls.get(error.layer)
    needed = f" and needs {show(earlier.got)}" if earlier and earlier.got[1:] != error.got[1:] else ""
    where = f"layer '{error.layer}'" if error.layer else "the network"
    name = plugins.name_of(operation)
    return (
        f"{name} ({options}) does not fit: {where} gets {show(error.got)}{needed}: {error.reason}. Nothing was changed."
    )
