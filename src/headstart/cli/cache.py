"""headstart cache: what is kept of frozen networks on disk, and how to make room."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from headstart.core.errors import unknown

ACTIONS = ("list", "prune")


def cache(
    action: Annotated[str, typer.Argument(help="list or prune.")] = "list",
    keep_gb: Annotated[float, typer.Option(help="prune: GB of the last used that stay.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """List or remove the features kept on disk for later runs.

    Example: headstart cache prune --keep-gb 2
    """
    from headstart.cli.show import Show
    from headstart.core.ranges import check_numbers

    show = Show(as_json)
    if action not in ACTIONS:
        raise unknown("action on the cache", action, list(ACTIONS))
    check_numbers({"cache_gb": keep_gb})
    from headstart.core import storage
    from headstart.features.cache import FOLDER, GB, remove, shelves

    found, gone, held = shelves(), [], 0
    if action == "prune":
        for shelf in found:
            held += shelf.bytes
            if held > keep_gb * GB:
                remove(shelf)
                gone.append(shelf)
        show.say(
            f"Removed {sum(shelf.bytes for shelf in gone) / GB:.2f} GB; {len(found) - len(gone)} of {len(found)} stay."
        )
    elif found:
        rows = [
            (
                shelf.about,
                f"{shelf.rows:,}",
                f"{shelf.bytes / 1e6:,.0f} MB",
                time.strftime("%Y-%m-%d", time.localtime(shelf.used)),
            )
            for shelf in found
        ]
        show.table("Features kept for later runs", ("of", "rows", "size", "last used"), rows, words="of")
        total, place = sum(shelf.bytes for shelf in found) / GB, storage.cache() / FOLDER
        show.say(f"{total:.2f} GB in {place}. Remove them: headstart cache prune")
    else:
        show.say(f"No features are kept in {storage.cache() / FOLDER}.")
    left = [shelf for shelf in found if shelf not in gone]
    plain = [
        {"about": shelf.about, "rows": shelf.rows, "bytes": shelf.bytes, "folder": str(shelf.folder)} for shelf in left
    ]
    show.finish({"cache": plain, "removed": len(gone)})
