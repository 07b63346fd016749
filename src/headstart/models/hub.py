"""Fetch files of the Hugging Face hub: pinned to a commit, verified by hash, tried again, or from the cache offline."""

from __future__ import annotations

import fnmatch
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from headstart.core.errors import SourceError
from headstart.core.storage import write_text

WAITS = (1.0, 2.0, 4.0)  # seconds before each further try
TIMEOUT = 20.0  # seconds for one answer
T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """Files of one repository in a folder, at one commit."""

    folder: Path
    commit: str


def fetch(repository: str, wanted: Sequence[str], revision: str | None = None) -> Snapshot:
    """Fetch the files of a repository that match one of the patterns.

    Args:
        repository: "OWNER/NAME".
        wanted: File names or patterns ("*.json"), at the top of the repository or below.
        revision: Branch, tag or commit; None is the main branch.

    Returns:
        The folder with the files, and the commit that they are of.

    Raises:
        SourceError: The repository, revision or a file is not there, a file has another hash than the hub states,
            or the hub cannot be reached and the cache does not have it.
    """
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import HFValidationError

    where = f"{repository} at {revision or 'main'}"
    try:
        ask = partial(HfApi().model_info, repository, revision=revision, files_metadata=True, timeout=TIMEOUT)
        info = _tries(ask, where, WAITS)
        commit = info.sha or ""
        files = [file for file in info.siblings or [] if _matches(file.rfilename, wanted)]
        if not files:
            raise SourceError(f"{where} has no file {' or '.join(wanted)}. Only safetensors weights are read.")
        for file in files:
            download = partial(hf_hub_download, repository, file.rfilename, revision=commit)
            got = _tries(download, where, WAITS[:1])  # huggingface_hub itself tries a download several times
            _verify(Path(got), file.lfs.sha256 if file.lfs else file.blob_id, where)
        folder = Path(got).parents[len(Path(files[-1].rfilename).parts) - 1]
        if revision != commit:  # the cache's own note of what a branch stands for, needed when offline
            note = folder.parents[1] / "refs" / (revision or "main")
            note.parent.mkdir(parents=True, exist_ok=True)
            write_text(note, commit)
        return Snapshot(folder, commit)
    except _Unreachable as error:
        return _from_cache(repository, wanted, revision, error)
    except HFValidationError as error:
        raise SourceError(f"'{repository}' is neither a folder nor a name OWNER/NAME on the hub.") from error


def cached(query: str) -> list[str]:
    """List the repositories in the hub's cache whose name contains the query."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        found = scan_cache_dir().repos
    except CacheNotFound:
        return []
    return sorted(repo.repo_id for repo in found if repo.repo_type == "model" and query in repo.repo_id)


class _Unreachable(Exception):
    """The hub gave no answer, or was too busy for all tries."""


def _tries(ask: Callable[[], T], where: str, waits: Sequence[float]) -> T:
    """Ask the hub; ask again where it is busy, failing or cut off."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    transport: type[Exception] = HfHubHTTPError.__bases__[
        0
    ]  # the HTTP library's own error: another library in each major version
    for wait in (*waits, None):
        try:
            return ask()
        except OfflineModeIsEnabled as error:
            raise _Unreachable("HF_HUB_OFFLINE is set") from error
        except GatedRepoError as error:
            raise SourceError(
                f"{where}: its owner asks you to accept terms. Accept them on the hub and set HF_TOKEN."
            ) from error
        except RepositoryNotFoundError as error:
            raise SourceError(
                f"{where}: there is no such repository, or it is private. Check the name; set HF_TOKEN."
            ) from error
        except RevisionNotFoundError as error:
            raise SourceError(f"{where}: there is no such revision.") from error
        except (LocalEntryNotFoundError, ConnectionError, TimeoutError) as error:
            reason: Exception = error
        except EntryNotFoundError as error:
            raise SourceError(f"{where}: a file is not there: {error}") from error
        except HfHubHTTPError as error:
            status = error.response.status_code
            if status not in (408, 429) and status < 500:
                raise SourceError(f"{where}: the hub refused with status {status}: {error}") from error
            reason = error
        except (transport, OSError) as error:
            reason = error
        if wait is None:
            raise _Unreachable(str(reason).partition("\n")[0]) from reason
        time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _from_cache(repository: str, wanted: Sequence[str], revision: str | None, reason: Exception) -> Snapshot:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(repository, revision=revision, allow_patterns=list(wanted), local_files_only=True)
        )
    except LocalEntryNotFoundError as error:
        raise SourceError(_advice(repository, revision, reason)) from error
    files = [file for file in folder.rglob("*") if _matches(file.relative_to(folder).as_posix(), wanted)]
    if not files:
        raise SourceError(_advice(repository, revision, reason))
    for file in files:
        name = file.resolve().name  # the cache names its content by hash
        if len(name) in (40, 64):
            _verify(file, name, f"{repository} in the cache")
    return Snapshot(folder, folder.name)


def _advice(repository: str, revision: str | None, reason: Exception) -> str:
    return (
        f"{repository} could not be fetched ({reason}), and the cache does not have it at {revision or 'main'}. "
        f"Go online and try again; or run `hf download {repository}` on a machine that is online and copy the folder "
        "here; or name a local folder or file instead."
    )


def _matches(name: str, patterns: Sequence[str]) -> bool:
    """A star stands for no slash, so that "*.json" is of the top folder only."""
    return any(name.count("/") == p.count("/") and fnmatch.fnmatch(name, p) for p in patterns)


def _verify(path: Path, expected: str | None, where: str) -> None:
    """Compare a file with the hash that the hub states: SHA-256 of large files, git's own hash of small ones."""
    if expected is None:
        raise SourceError(f"{where}: the hub states no hash for {path.name}.")
    digest = (
        hashlib.sha256()
        if len(expected) == 64
        else hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    )
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    if digest.hexdigest() != expected:
        path.resolve().unlink()  # else every later run would find the damaged file in the cache
        raise SourceError(
            f"{where}: {path.name} arrived damaged: its hash is {digest.hexdigest()}, not {expected}. Try again."
        )
