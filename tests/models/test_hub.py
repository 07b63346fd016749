"""The hub is asked again where it fails; what arrives is pinned and verified; offline the cache is used."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub.constants
import pytest

from headstart.core.errors import SourceError
from headstart.models import hub

COMMIT = "a" * 40
FILES = {
    "config.json": b'{"a": 1}',
    "model.safetensors": b"weights" * 1000,
    "1_Pooling/config.json": b"{}",
    "evil.bin": b"no",
}


class _Hub(BaseHTTPRequestHandler):
    """A small hub. `fail` statuses are answered first; `corrupt` files arrive changed."""

    fail: list[int]
    corrupt: set[str]
    asked: list[str]
    endpoint: str

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def _answer(self, body: bool) -> None:
        self.asked.append(self.path)
        if self.fail:
            self._send(self.fail.pop(0), b"busy", {}, body)
        elif self.path.startswith("/api/models/someone/small/revision/gone"):
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"}, body)
        elif self.path.startswith(f"/api/models/someone/small/tree/{COMMIT}"):
            self._send(200, json.dumps(_tree()).encode(), {}, body)
        elif self.path.startswith("/api/models/someone/small"):
            self._send(200, json.dumps(_info()).encode(), {}, body)
        elif self.path.startswith(f"/someone/small/resolve/{COMMIT}/"):
            name = self.path.removeprefix(f"/someone/small/resolve/{COMMIT}/")
            content = FILES[name].swapcase() if name in self.corrupt else FILES[name]
            self._send(200, content, {"ETag": f'"{_hash(name)}"', "X-Repo-Commit": COMMIT}, body)
        else:
            self._send(401, b"{}", {"X-Error-Code": "RepoNotFound"}, body)

    def _send(self, status: int, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(content)


def _hash(name: str) -> str:
    content = FILES[name]
    if name.endswith(".safetensors"):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _info() -> dict:
    siblings = []
    for name, content in FILES.items():
        sibling: dict = {"rfilename": name, "size": len(content), "blobId": _hash(name)}
        if name.endswith(".safetensors"):
            sibling |= {"blobId": "0" * 40, "lfs": {"sha256": _hash(name), "size": len(content), "pointerSize": 1}}
        siblings.append(sibling)
    return {
        "id": "someone/small",
        "modelId": "someone/small",
        "sha": COMMIT,
        "private": False,
        "tags": [],
        "siblings": siblings,
    }


def _tree() -> list[dict]:
    files = [
        {"type": "file", "path": name, "size": len(content), "oid": _hash(name)} for name, content in FILES.items()
    ]
    for file in files:
        if file["path"].endswith(".safetensors"):
            file |= {"oid": "0" * 40, "lfs": {"oid": _hash(file["path"]), "size": file["size"], "pointerSize": 1}}
    return files


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[type[_Hub]]:
    handler = type("Handler", (_Hub,), {"fail": [], "corrupt": set(), "asked": [], "endpoint": ""})
    running = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    endpoint = handler.endpoint = f"http://127.0.0.1:{running.server_port}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "WAITS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(hub, "_failed", None)
    yield handler
    running.shutdown()
    running.server_close()
    thread.join()


def test_fetches_what_is_wanted_and_names_the_commit(server):
    snapshot = hub.fetch("someone/small", ["*.json", "*.safetensors"])
    assert snapshot.commit == COMMIT == snapshot.folder.name
    found = sorted(p.relative_to(snapshot.folder).as_posix() for p in snapshot.folder.rglob("*") if p.is_file())
    assert found == ["config.json", "model.safetensors"]  # a star stands for no slash
    assert (snapshot.folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert hub.fetch("someone/small", ["1_Pooling/config.json"]).folder == snapshot.folder
    assert not any("evil" in path for path in server.asked)


@pytest.mark.parametrize("fail", [[429], [503, 500, 502]])
def test_asks_again_where_the_hub_is_busy(server, fail):
    server.fail = list(fail)
    assert hub.fetch("someone/small", ["config.json"]).commit == COMMIT


def test_what_arrives_damaged_is_not_kept(server):
    server.corrupt = {"model.safetensors"}
    with pytest.raises(SourceError, match=r"model\.safetensors arrived damaged"):
        hub.fetch("someone/small", ["model.safetensors"])
    server.corrupt = set()
    snapshot = hub.fetch("someone/small", ["model.safetensors"])
    assert (snapshot.folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]


@pytest.mark.parametrize("revision", [None, "main", COMMIT])
def test_offline_the_cache_is_used(server, monkeypatch, revision):
    online = hub.fetch("someone/small", ["config.json"], revision)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert hub.fetch("someone/small", ["config.json"], revision) == online
    with pytest.raises(SourceError, match="the cache does not have it at v9"):
        hub.fetch("someone/small", ["config.json"], "v9")


def test_a_hub_that_stays_down_falls_back_to_the_cache(server):
    online = hub.fetch("someone/small", ["config.json"])
    server.fail = [503] * 50
    assert hub.fetch("someone/small", ["config.json"]) == online


def test_a_file_that_was_damaged_in_the_cache_is_fetched_again(server):
    online = hub.fetch("someone/small", ["model.safetensors"])
    (online.folder / "model.safetensors").resolve().write_bytes(b"changed")
    assert hub.fetch("someone/small", ["model.safetensors"]) == online
    assert (online.folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]


def test_the_cache_is_left_to_the_hubs_client():
    """Whoever writes notes into it, or tells its errors by their ancestors, breaks with the client's next version."""
    used = {node.attr for node in ast.walk(ast.parse(inspect.getsource(hub))) if isinstance(node, ast.Attribute)}
    assert not used & {"__bases__", "__mro__", "mkdir", "write_text", "write_bytes", "unlink", "rename", "replace"}
    assert "write_text" not in vars(hub)


def test_without_a_server_at_all_the_cache_is_used(server, monkeypatch):
    online = hub.fetch("someone/small", ["config.json"])
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    assert hub.fetch("someone/small", ["config.json"]) == online
    with pytest.raises(SourceError, match="Go online and try again"):
        hub.fetch("someone/other", ["config.json"])


def test_of_many_sources_one_waits_for_a_hub_that_cannot_be_reached(server, monkeypatch):
    waited: list[float] = []
    monkeypatch.setattr(hub.time, "sleep", waited.append)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    for name in ("someone/one", "someone/two"):
        with pytest.raises(SourceError, match="could not be fetched"):
            hub.fetch(name, ["config.json"])
    assert len(waited) == 3
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.endpoint)
    monkeypatch.setattr(hub, "QUIET", 0.0)
    assert hub.fetch("someone/small", ["config.json"]).commit == COMMIT


def test_a_branch_that_moves_while_it_is_fetched_is_told(server, monkeypatch):
    other = dict(_info(), sha="b" * 40)
    answers = iter([other])
    monkeypatch.setattr(sys.modules[__name__], "_info", lambda real=_info: next(answers, None) or real())
    with pytest.raises(SourceError, match="was changed while it was fetched"):
        hub.fetch("someone/small", ["config.json"])


def test_the_cache_is_verified_too(server, monkeypatch):
    online = hub.fetch("someone/small", ["model.safetensors"])
    (online.folder / "model.safetensors").resolve().write_bytes(b"changed")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SourceError, match="arrived damaged"):
        hub.fetch("someone/small", ["model.safetensors"])


def test_with_no_hub_and_no_cache_the_message_says_what_to_do(server):
    server.fail = [503] * 50
    with pytest.raises(SourceError, match="Go online and try again; or run `hf download someone/small`"):
        hub.fetch("someone/small", ["config.json"])
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("repository", "revision", "wanted", "message"),
    [
        ("someone/none", None, "config.json", "no such repository"),
        ("someone/small", "gone", "config.json", "no such revision"),
        ("someone/small", None, "*.h5", "Only safetensors weights are read"),
        ("not a name!", None, "config.json", "neither a folder nor a name"),
    ],
)
def test_what_is_not_there(server, repository, revision, wanted, message):
    with pytest.raises(SourceError, match=message):
        hub.fetch(repository, [wanted], revision)


def test_names_are_those_of_the_cache(server):
    assert hub.cached("") == []
    hub.fetch("someone/small", ["config.json"])
    assert hub.cached("small") == ["someone/small"]
    assert hub.cached("large") == []
