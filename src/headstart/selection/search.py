"""Find source and method within a budget: look at all, probe the promising, fine-tune few, finish the best.

Each phase writes down what it found, so that a search that was killed goes on, and several processes share one.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headstart.core.counting import counted
from headstart.core.errors import SourceError, UsageError, first_few
from headstart.core.interface import option
from headstart.core.offer import Offer
from headstart.core.recipe import Recipe
from headstart.core.stopping import Stop
from headstart.core.types import Event, Listener, silent
from headstart.data.rows import Dataset
from headstart.inputs import by_name
from headstart.models.offers import gather
from headstart.runs.begin import Begun, begin
from headstart.runs.features import known_features
from headstart.runs.fit import fit
from headstart.runs.folder import SEARCH, check_folder, make_folder
from headstart.runs.run import Run
from headstart.selection.adapting import Adapting, adapts, choose_adapted
from headstart.selection.asked import enter
from headstart.selection.candidates import short
from headstart.selection.clock import Clock
from headstart.selection.finish import Chosen, choose, finish, keep_first
from headstart.selection.found import Found, keep_found
from headstart.selection.generalising import Generalising, choose_generalised, generalises
from headstart.selection.journal import Journal
from headstart.selection.part import END, Part, affordable, cut
from headstart.selection.rank import labelled, look_at_all, ranked
from headstart.selection.record import write_record
from headstart.selection.sources import expand
from headstart.selection.trial import Setup
from headstart.selection.tuning import Tuning
from headstart.selection.wanted import Wanted

SAMPLE = 100  # labelled rows that every source is looked at on
LOOKING = 0.2  # of the budget, after which no other source is looked at
PROMISING = 4  # sources at most that are probed on all rows
FEW_ROWS, SHARE = 2000, 0.3  # of labelled rows up to so many the share by which candidates are compared
BESIDE = 2.0  # times a probe on all rows: what the baselines and the curve of labels take beside the final model


def search(
    data: Any,
    recipe: Recipe,
    wanted: Wanted,
    *,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    listen: Listener = silent,
    stop: Stop | None = None,
    began: float | None = None,
) -> Run:
    """Find a source and a method, and fit with them.

    The folder has a model that predicts as soon as one source was looked at. Sources and methods are compared on
    training and validation rows; the test rows measure the final model alone.

    Args:
        data: What `begin` takes.
        recipe: Takes the place of what is searched for; a strategy that it names is the only one that is tried.
        wanted: Sources and budget.
        out: The run's folder; None makes one below `runs/`. One that holds an unfinished search goes on.
        resume: The folder of a search to go on with, in place of `out`.
        listen: Is told what goes on.
        stop: Lets a signal stop the search between two steps.
        began: When the work began, by the monotonic clock; None is now.

    Returns:
        The run of what was found.

    Raises:
        UsageError: A pattern meets no source, or the folder holds something else.
        DataError: Rows are wrong.
        SourceError: No source could be used.
    """
    began = time.monotonic() if began is None else began
    check_folder(out, resume)
    begun = begin(data, recipe, listen)
    if not wanted.said and not can_choose(begun.dataset):
        return fit(begun, recipe, out=out, listen=listen, stop=stop)
    if not all(target.pooled for target in begun.dataset.task.predicted.values()):
        if wanted.sources:
            raise UsageError(
                "Sources are compared by heads that are solved on their features, and those of such targets are not: "
                f"name one source ({option('source', 'timm:resnet18')})."
            )
        timed = dataclasses.replace(recipe, budget=wanted.budget) if wanted.said else recipe
        return fit(begun, timed, out=out, resume=resume, listen=listen, stop=stop)
    if not (adapts(begun.dataset, recipe) or generalises(recipe)):
        begun, recipe = with_more_validation(data, begun, recipe, listen)
    dataset = begun.dataset
    offers = in_forms(expand(wanted.sources, dataset.task, dataset.splits["train"].inputs), recipe, dataset)
    if not wanted.said:
        listen(
            Event("note", f"source and method are searched for ({option('source')} or {option('strategy')} ends that)")
        )
    folder = make_folder(resume or out, recipe.title, SEARCH)
    stop = stop or Stop()
    enter(folder, list(wanted.sources), wanted.budget, dataset.fingerprint, recipe, said=wanted.said)
    with stop.working_on(str(folder)):
        return _Search(begun, recipe, wanted, offers, folder, listen, stop, began).run()


def can_choose(data: Dataset) -> bool:
    """Return whether there is anything to choose between by: labels to predict, and a pretrained source.

    Args:
        data: As it was read.

    Returns:
        Whether there is.
    """
    train = data.splits["train"]
    return bool(data.task.predicted and train.labels) and any(
        offer.pretrained for offer in gather(data.task, train.inputs)
    )


def with_more_validation(data: Any, begun: Begun, recipe: Recipe, listen: Listener) -> tuple[Begun, Recipe]:
    """Draw more validation rows where there are few and a search has to choose by them; a refit learns them at the end.

    Args:
        data: As the search was given it.
        begun: The data as it was read.
        recipe: A share of validation rows that it names stays.
        listen: Is told.

    Returns:
        The data and the recipe, with the path of the data.
    """
    own, recipe = begun.dataset, begun.named_in(recipe)
    given = "validation" in own.splits and "validation" not in own.drawn
    if given or recipe.data.validation is not None or recipe.refit == "no":
        return begun, recipe
    rows = sum(len(own.splits[name]) for name in ("train", "validation") if name in own.splits)
    again = begun.path if isinstance(data, Begun) or data is None else data
    if rows >= FEW_ROWS or again is None or isinstance(again, Dataset):
        return begun, recipe
    recipe = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, validation=SHARE))
    begun = dataclasses.replace(begun, dataset=begin(again, recipe, silent).dataset)
    count = len(begun.dataset.splits.get("validation", ()))
    listen(Event("note", f"{count:,} of {rows:,} labelled rows choose in this search ({option('validation')})"))
    return begun, recipe


def in_forms(offers: Sequence[Offer], recipe: Recipe, data: Dataset) -> list[Offer]:
    """Offer each pretrained source in every form in which such data can be shown: a pair of texts as one or as two.

    Args:
        offers: Sources.
        recipe: Surgery that it names leaves nothing to choose.
        data: Its columns decide.

    Returns:
        The offers.
    """
    forms = ((),) if recipe.surgery else by_name(data.task.modality).surgeries(data.task.inputs)
    return [
        offer.after(form) for offer in offers for form in (forms if offer.pretrained and not offer.surgery else ((),))
    ]


class _Search:
    def __init__(
        self,
        begun: Begun,
        recipe: Recipe,
        wanted: Wanted,
        offers: Sequence[Offer],
        folder: Path,
        listen: Listener,
        stop: Stop,
        began: float,
    ) -> None:
        self.begun, self.recipe, self.offers, self.folder = begun, recipe, offers, folder
        self.listen, self.stop = listen, stop
        self.journal = Journal(folder / SEARCH)
        self.clock, self.asked = Clock(self.journal, wanted.budget, began), wanted.said
        data = begun.dataset
        hidden = {name: rows for name, rows in data.splits.items() if name != "test"}
        self.data: Dataset = dataclasses.replace(data, splits=hidden)  # all that the search sees
        self.notes: list[str] = []
        self.setup = Setup(self.data, listen, stop, known_features(recipe, listen))

    def run(self) -> Run:
        many = counted(len(self.offers), "sources")
        self.say(f"search: {many}, {self.clock.told()}; {self.folder}")
        found = self.looked()
        part = self.limited(found[0])
        with self.journal.planning():
            keep_first(self.begun, self.recipe, found[0], self.folder, self.setup)
        if self.journal.get("first_at") is None:
            self.journal.put("first_at", self.clock.spent)
        self.clock.keep()
        if part is None:
            found = self.probed(found)
            self._tune(found)
        else:
            self.note(part.why)
        with self.journal.planning():
            plain = self.journal.get("chosen")
            chosen = self._choose(found) if plain is None else Chosen(**plain)
            self.journal.put("chosen", chosen._asdict())
        self.say(f"chosen: {chosen.name}, {chosen.why}")
        write_record(
            self.folder, self.journal, found, chosen._asdict(), self.clock, self.notes, self.data.task.modality
        )
        with self.journal.planning():  # whoever comes second gets what the first one made
            return finish(self.begun, self.recipe, chosen, found, self.folder, self.journal, self.setup, self.clock)

    def _choose(self, found: Sequence[Found]) -> Chosen:
        if adapts(self.data, self.recipe):
            return choose_adapted(self.journal, self.recipe, found, self.setup)
        if generalises(self.recipe):
            return choose_generalised(self.journal, self.recipe, found)
        return choose(self.journal, self.recipe, found, self.setup, self.clock)

    def _tune(self, found: Sequence[Found]) -> None:
        """Fine-tune what is worth it."""
        best = found[0]
        self.clock.reserve = self._end(best)
        if adapts(self.data, self.recipe):
            Adapting(self.recipe, self.journal, self.clock, self.setup, self.say, self.note).run(found)
        elif generalises(self.recipe):
            Generalising(self.recipe, self.journal, self.clock, self.setup, self.say, self.note).run(found)
        elif best.score.higher_is_better and best.score.value == 1.0:  # no figure of that kind goes beyond
            self.note(f"No fine-tuning: the probe of {short(best.offer)} makes no mistake on {best.rows:,} rows.")
        elif "validation" in self.data.splits:
            Tuning(self.recipe, self.journal, self.clock, self.setup, self.say, self.note).run(found)
        else:
            self.note("No fine-tuning: there are no validation rows to compare it with the probe on.")

    def say(self, text: str) -> None:
        self.listen(Event("note", text))

    def note(self, text: str) -> None:
        """Say what the report is to say too."""
        self.notes.append(text)
        self.say(text)

    def looked(self) -> list[Found]:
        """Look at every source on a few rows; return those that can be used, the best first."""
        with self.journal.planning():
            kept = self.journal.get("looked")
            if kept is None:
                kept = keep_found(self._look(self.offers, SAMPLE, LOOKING))
                self.journal.put("looked", kept)
                self.clock.keep()
        return self._usable(kept)

    def limited(self, best: Found) -> Part | None:
        """Keep but a part of the rows where the budget that was asked for is too small for one pass over all."""
        with self.journal.planning():
            kept: list[Any] | None = self.journal.get("part")
            if kept is None:
                part = affordable(best, self.begun.dataset, self.clock) if self.asked else None
                kept = [] if part is None else list(part)
                self.journal.put("part", kept)
        if not kept:
            return None
        part = Part(*kept)
        self.data = cut(self.data, part, self.recipe.seed)
        self.setup = dataclasses.replace(self.setup, dataset=self.data)
        self.begun = dataclasses.replace(self.begun, dataset=cut(self.begun.dataset, part, self.recipe.seed))
        return part

    def probed(self, found: Sequence[Found]) -> list[Found]:
        """Solve a probe on all rows for the sources that a few rows do not tell from the best; return them in order."""
        with self.journal.planning():
            kept = self.journal.get("probed")
            if kept is None:
                promising = self._promising(found)
                dropped = [short(one.offer) for one in found if one not in promising]
                if dropped:
                    self.say(f"behind the best by more than noise on {SAMPLE} rows: {first_few(dropped)}")
                kept = keep_found(self._look([one.offer for one in promising], None, 0.5))
                self.journal.put("probed", kept)
                self.clock.keep()
        return self._usable(kept)

    def _look(self, offers: Sequence[Offer], most: int | None, share: float) -> Any:
        rows, of = labelled(self.data, self.recipe.seed, most or 10**9)
        until = time.monotonic() + max(0.0, share * self.clock.budget - self.clock.spent)
        known, loaded = self.setup.known, self.setup.loaded
        found = look_at_all(self.recipe, self.data, offers, rows, known, self.listen, loaded=loaded, until=until)
        ranking = ranked(found, len(rows), of, self.recipe.seed, 0.0)
        for line in ranking.said():
            self.say(line)
        return ranking

    def _usable(self, kept: Any) -> list[Found]:
        found = [Found.from_plain(plain) for plain in kept]
        good = [one for one in found if not one.error]
        if not good:
            raise SourceError(f"No source could be used: {first_few(f'{one.offer}: {one.error}' for one in found)}.")
        return good

    def _promising(self, found: Sequence[Found]) -> list[Found]:
        best = found[0].score
        close = [one for one in found if best.ahead_of(one.score) <= 2 * best.noise_beside(one.score)]
        return close[:PROMISING]

    def _end(self, best: Found) -> float:
        """Estimate the seconds that measuring and reporting the final model take."""
        rows = sum(len(rows) for name, rows in self.begun.dataset.splits.items() if name != "train")
        return END + BESIDE * best.seconds + 1.2 * rows * self.setup.cost(best.offer, self.recipe).look
