"""Fetch files of the Hugging Face hub: pinned to a commit, verified by hash, tried again, or from the cache offline."""

from __future__ import annotations

import fnmatch
import glob
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from headstart.core.errors import SourceError
from headstart.core.offer import EXTRA

WAITS = (1.0, 2.0, 4.0)  # seconds before each further try
TIMEOUT = 20.0  # seconds for one answer
QUIET = 30.0  # seconds in which a hub that could not be reached is not asked again: many sources wait once
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
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError

    where = f"{repository} at {revision or 'main'}"
    try:
        ask = partial(HfApi().model_info, repository, revision=revision, files_metadata=True, timeout=TIMEOUT)
        info = _tries(ask, where, WAITS)
        hashes = {
            file.rfilename: file.lfs.sha256 if file.lfs else file.blob_id
            for file in info.siblings or []
            if _matches(file.rfilename, wanted)
        }
        if not hashes:
            raise SourceError(f"{where} has no file {' or '.join(wanted)}. Only safetensors weights are read.")
        folder = _download(repository, revision, list(hashes), where)
        if folder.name != info.sha:
            raise SourceError(f"{where} was changed while it was fetched. Try again.")
        if any(_damaged(folder, hashes)):  # on the way, or in the cache since
            _download(repository, revision, list(hashes), where, anew=True)
        for told in _damaged(folder, hashes):
            raise SourceError(f"{where}: {told}. Try again.")
        return Snapshot(folder, folder.name)
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


_failed: tuple[float, str] | None = None  # when the hub could not be reached last, by the clock, and why


class _Unreachable(Exception):
    """The hub gave no answer, or was too busy for all tries."""


def _tries(ask: Callable[[], T], where: str, waits: Sequence[float]) -> T:
    """Ask the hub; ask again where it is busy, failing or cut off."""
    from httpx2 import HTTPError
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    global _failed
    if _failed is not None and time.monotonic() - _failed[0] < QUIET:
        raise _Unreachable(_failed[1])
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
        except (HTTPError, OSError) as error:
            reason = error
        if wait is None:
            why = str(reason).partition("\n")[0]
            if not isinstance(reason, HfHubHTTPError):
                _failed = time.monotonic(), why
            raise _Unreachable(why) from reason
        time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _download(repository: str, revision: str | None, names: Sequence[str], where: str, *, anew: bool = False) -> Path:
    """Bring files into the hub's cache, which notes the commit of the revision for when there is no network."""
    from huggingface_hub import snapshot_download

    patterns = [glob.escape(name) for name in names]
    download = partial(
        snapshot_download,
        repository,
        revision=revision,
        allow_patterns=patterns,
        etag_timeout=TIMEOUT,
        force_download=anew,
    )
    return Path(_tries(download, where, WAITS[:1]))  # huggingface_hub itself tries a download several times


def _from_cache(repository: str, wanted: Sequence[str], revision: str | None, reason: Exception) -> Snapshot:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:  # the folder alone: what is wanted of it is chosen here, as a star means more to the hub's client
        folder = Path(snapshot_download(repository, revision=revision, allow_patterns=[], local_files_only=True))
    except LocalEntryNotFoundError as error:
        raise SourceError(_advice(repository, revision, reason)) from error
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]
    names = [name for name in names if _matches(name, wanted)]
    if not names:
        raise SourceError(_advice(repository, revision, reason))
    links = {name: (folder / name).readlink().name for name in names if (folder / name).is_symlink()}
    hashes = {name: content for name, content in links.items() if len(content) in (40, 64)}  # contents are named so
    for told in _damaged(folder, hashes):
        raise SourceError(f"{repository} in the cache: {told}. Go online and fetch it again.")
    return Snapshot(folder, folder.name)


def _advice(repository: str, revision: str | None, reason: Exception) -> str:
    return (
        f"{repository} could not be fetched ({reason}), and the cache does not have it at {revision or 'main'}. "
        f"Go online and try again; or run `hf download {repository}` on a machine that is online and copy the folder "
        f"here; or name a local folder or file instead; or {EXTRA}, whose pretrained models need no network."
    )


def _matches(name: str, patterns: Sequence[str]) -> bool:
    """A star stands for no slash, so that "*.json" is of the top folder only."""
    return any(name.count("/") == p.count("/") and fnmatch.fnmatch(name, p) for p in patterns)


def _damaged(folder: Path, hashes: Mapping[str, str | None]) -> Iterator[str]:
    """Compare files with the hashes that the hub states, and say of each wrong one what is wrong."""
    for name, expected in hashes.items():
        if expected is None:
            yield f"the hub states no hash for {name}"
        elif (found := _hash(folder / name, expected)) != expected:
            yield f"{name} arrived damaged: its hash is {found}, not {expected}"


def _hash(path: Path, like: str) -> str:
    """Hash a file as the hub does: SHA-256 of large files, git's own hash of small ones."""
    if not path.is_file():
        return "none, it is not there"
    digest = (
        hashlib.sha256() if len(like) == 64 else hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    )
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
