"""A Hub on this machine: the part of its protocol that publishing and reading back needs, over plain HTTP.

    with Hub() as hub:                   # hub.url, hub.token; environment(hub) for processes that shall use it
        HfApi(endpoint=hub.url, token=hub.token).create_repo("someone/thing", repo_type="dataset")

Repositories live in memory: commits of whole trees, files either inline or in a store by SHA-256 (LFS). Trouble is made
by hand: `hub.fail_after(n)` breaks the connection after n more uploads, `hub.forbidden` names repositories nobody may
write to, `hub.before_commit` is called once before the next commit is taken.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlparse

LFS_BYTES = 10_000_000  # larger files go to the store, and those that the Hub's .gitattributes name
LFS_NAMES = (".parquet", ".safetensors", ".mp4", ".jpg", ".png")


@dataclass
class Repository:
    private: bool = False
    commits: dict[str, dict[str, str]] = field(default_factory=dict)  # commit -> path -> SHA-256
    head: str = ""
    titles: dict[str, str] = field(default_factory=dict)  # of commits
    tags: dict[str, str] = field(default_factory=dict)

    def tree(self, revision: str) -> dict[str, str] | None:
        if revision in ("main", "HEAD", ""):
            return self.commits[self.head]
        return self.commits.get(self.tags.get(revision, revision))

    def commit_of(self, revision: str) -> str:
        return self.head if revision in ("main", "HEAD", "") else self.tags.get(revision, revision)

    def commit(self, files: dict[str, str], title: str = "initial commit") -> str:
        number = hashlib.sha1(json.dumps([len(self.commits), files], sort_keys=True).encode()).hexdigest()
        self.commits[number], self.titles[number], self.head = files, title, number
        return number

    def last_change(self, path: str) -> str:
        """The commit that gave a file of the newest state its content."""
        found, content = "", None
        for number, files in self.commits.items():
            if files.get(path) != content:
                found, content = number, files.get(path)
        return found


class Hub:
    """The server and what it holds. A context manager; `requests` lists (method, path) of all that was asked."""

    def __init__(self, token: str = "hf_standin", user: str = "someone"):
        self.token, self.user = token, user
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.store: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.forbidden: set[str] = set()
        self.uploads = 0
        self.before_commit: Callable[[], object] = lambda: None  # what others do before the next one arrives
        self._uploads_left: int | None = None
        self._lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception) -> None:
        self.server.shutdown()
        self.server.server_close()

    def fail_after(self, uploads: int | None) -> None:
        """Break the connection on every upload after so many more; None: no more trouble."""
        self._uploads_left = uploads

    def may_upload(self) -> bool:
        with self._lock:
            if self._uploads_left is None:
                return True
            self._uploads_left -= 1
            return self._uploads_left >= 0

    def files(self, kind: str, repo: str, revision: str = "main") -> dict[str, bytes]:
        """What a repository holds at a revision."""
        tree = self.repositories[kind, repo].tree(revision)
        return {path: self.store[digest] for path, digest in tree.items()}


def environment(hub: Hub) -> dict[str, str]:
    """What a process needs to take this for the Hub; Xet, which needs more than a Hub, is off."""
    return {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}


_REPO = r"(?P<kind>models|datasets|spaces)/(?P<repo>[^/]+/[^/]+)"


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments) -> None:
        """Silence."""

    def _route(self) -> None:
        address = urlparse(self.path)
        path, self.query = unquote(address.path), parse_qs(address.query)
        self.hub.requests.append((self.command, path))
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length) if length else self._chunks()
        for method, pattern, answer in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and self.command in method:
                return answer(self, **match.groupdict())
        return self._error(404, "EntryNotFound", f"nothing at {path}")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _route

    def _chunks(self) -> bytes:
        """A body sent in chunks, as streamed uploads are."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return b""
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, data: object, status: int = 200, **headers: str) -> None:
        self._send(status, json.dumps(data).encode(), Content_Type="application/json", **headers)

    def _error(self, status: int, code: str, message: str) -> None:
        self._send(status, json.dumps({"error": message}).encode(), X_Error_Code=code, X_Error_Message=message,
                   Content_Type="application/json")  # fmt: skip

    def _allowed(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {self.hub.token}":
            return True
        self._error(401, "Unauthorized", "Invalid credentials in Authorization header")
        return False

    def _found(self, kind: str, repo: str, writing: bool = False) -> Repository | None:
        if writing and not self._allowed():
            return None
        if writing and repo in self.hub.forbidden:
            self._error(403, "Forbidden", "You don't have the rights")
            return None
        found = self.hub.repositories.get((kind.removesuffix("s"), repo))
        if found is None:
            self._error(404, "RepoNotFound", "Repository not found")
        return found

    def whoami(self) -> None:
        if self._allowed():
            self._json({"type": "user", "name": self.hub.user, "orgs": [], "auth": {"type": "access_token"}})

    def create(self) -> None:
        if not self._allowed():
            return None
        wanted = json.loads(self.body)
        repo = f"{wanted.get('organization') or self.hub.user}/{wanted['name']}"
        kind = wanted.get("type") or "model"
        if repo in self.hub.forbidden or not repo.startswith(f"{self.hub.user}/"):
            return self._error(403, "Forbidden", "You don't have the rights to create a repository there")
        prefix = "" if kind == "model" else f"{kind}s/"
        status = 409 if (kind, repo) in self.hub.repositories else 200
        if status == 200:
            made = self.hub.repositories[kind, repo] = Repository(bool(wanted.get("private")))
            made.commit({})
        self._json({"url": f"{self.hub.url}/{prefix}{repo}", "name": repo, "id": repo}, status)

    def info(self, kind: str, repo: str, revision: str = "main") -> None:
        found = self._found(kind, repo)
        if not found:
            return None
        tree = found.tree(revision)
        if tree is None:
            return self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        self._json({
            "id": repo, "modelId": repo, "sha": found.commit_of(revision), "private": found.private, "tags": [],
            "downloads": 0, "likes": 0, "gated": False, "disabled": False, "createdAt": "2026-01-01T00:00:00.000Z",
            "lastModified": "2026-01-01T00:00:00.000Z", "siblings": [{"rfilename": path} for path in tree],
        })  # fmt: skip

    def preupload(self, kind: str, repo: str, revision: str) -> None:
        found = self._found(kind, repo, writing=True)
        if found:
            files = json.loads(self.body)["files"]
            self._json({"files": [
                {"path": f["path"], "uploadMode": "lfs" if _in_store(f) else "regular", "shouldIgnore": False,
                 "oid": None} for f in files
            ]})  # fmt: skip

    def batch(self, prefix: str | None, repo: str) -> None:
        if not self._found(prefix or "models", repo, writing=True):
            return
        objects = []
        for wanted in json.loads(self.body)["objects"]:
            entry = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in self.hub.store:
                entry["actions"] = {"upload": {"href": f"{self.hub.url}/lfs/{wanted['oid']}", "header": {}}}
            objects.append(entry)
        self._json({"transfer": "basic", "objects": objects})

    def upload(self, digest: str) -> None:
        if not self.hub.may_upload():
            self.close_connection = True
            self.connection.close()
            return None
        if hashlib.sha256(self.body).hexdigest() != digest:
            return self._error(400, "BadContent", "the content has another SHA-256")
        self.hub.store[digest] = self.body
        self.hub.uploads += 1
        self._send(200)

    def commit(self, kind: str, repo: str, revision: str) -> None:
        found = self._found(kind, repo, writing=True)
        if not found:
            return None
        meanwhile, self.hub.before_commit = self.hub.before_commit, lambda: None
        meanwhile()
        files, title = dict(found.commits[found.head]), ""
        for line in self.body.splitlines():
            operation = json.loads(line)
            value = operation["value"]
            if operation["key"] == "header":
                title = value["summary"]
                if value.get("parentCommit", found.head) != found.head:
                    return self._error(412, "PreconditionFailed", "A commit has happened since. Please refresh.")
            elif operation["key"] == "file":
                data = base64.b64decode(value["content"])
                files[value["path"]] = hashlib.sha256(data).hexdigest()
                self.hub.store[files[value["path"]]] = data
            elif operation["key"] == "lfsFile":
                if value["oid"] not in self.hub.store:
                    return self._error(400, "LfsMissing", f"{value['path']} was not uploaded")
                files[value["path"]] = value["oid"]
            elif operation["key"] == "deletedFile":
                files.pop(value["path"], None)
        number = found.commit(files, title)
        self._json({"commitUrl": f"{self.hub.url}/{repo}/commit/{number}", "commitOid": number, "success": True})

    def tree(self, kind: str, repo: str, revision: str, path: str | None = None) -> None:
        found = self._found(kind, repo)
        if not found:
            return None
        files = found.tree(revision)
        if files is None:
            return self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        deep = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        base = f"{path.strip('/')}/" if (path or "").strip("/") else ""
        entries, folders = [], set()
        for name in sorted(files):
            if not name.startswith(base):
                continue
            parts = name[len(base) :].split("/")
            for depth in range(1, len(parts) if deep else min(2, len(parts))):
                folders.add(base + "/".join(parts[:depth]))
            if deep or len(parts) == 1:
                entries.append(self._file(name, files[name]))
        if base and not entries and not folders:
            return self._error(404, "EntryNotFound", f"{path} does not exist on {revision}")
        blank = {"type": "directory", "size": 0}
        self._json([{**blank, "path": name, "oid": hashlib.sha1(name.encode()).hexdigest()} for name in sorted(folders)]
                   + entries)  # fmt: skip

    def _file(self, name: str, digest: str) -> dict:
        size = len(self.hub.store[digest])
        entry = {"type": "file", "path": name, "size": size, "oid": digest[:40]}
        if _in_store({"path": name, "size": size}):
            entry["lfs"] = {"oid": digest, "size": size, "pointerSize": 130}
        return entry

    def paths_info(self, kind: str, repo: str, revision: str) -> None:
        found = self._found(kind, repo)
        if not found:
            return None
        files = found.tree(revision)
        if files is None:
            return self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if "json" in self.headers.get("Content-Type", ""):
            asked = json.loads(self.body)
            wanted, expand = asked["paths"], bool(asked.get("expand"))
        else:
            asked = parse_qs(self.body.decode())
            wanted, expand = asked.get("paths", []), asked.get("expand", ["false"])[0].lower() == "true"
        folders = {"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)}
        answer = [self._file(name, files[name]) for name in wanted if name in files]
        for entry in answer if expand else ():
            number = found.last_change(entry["path"])
            entry["lastCommit"] = {"id": number, "title": found.titles[number], "date": "2026-01-01T00:00:00.000Z"}
        answer += [{"type": "directory", "path": name, "oid": "0" * 40} for name in wanted if name in folders]
        self._json(answer)

    def resolve(self, prefix: str | None, repo: str, revision: str, path: str) -> None:
        found = self._found(prefix or "models", repo)
        if not found:
            return None
        files = found.tree(revision)
        if files is None or path not in files:
            code = "RevisionNotFound" if files is None else "EntryNotFound"
            return self._error(404, code, f"{path} does not exist on {revision}")
        data = self.hub.store[files[path]]
        headers = {"ETag": f'"{files[path]}"', "X_Repo_Commit": found.commit_of(revision), "Accept_Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted:
            start, end = int(wanted[1]), int(wanted[2] or len(data) - 1)
            part = data[start : end + 1]
            headers["Content_Range"] = f"bytes {start}-{start + len(part) - 1}/{len(data)}"
            return self._send(206, part, **headers)
        self._send(200, data, **headers)

    def tag(self, kind: str, repo: str, revision: str) -> None:
        found = self._found(kind, repo, writing=True)
        if not found:
            return None
        name = json.loads(self.body)["tag"]
        if name in found.tags:
            return self._error(409, "TagExists", "Reference exists already")
        found.tags[name] = found.commit_of(revision)
        self._json({})

    def refs(self, kind: str, repo: str) -> None:
        found = self._found(kind, repo)
        if found:
            tags = [{"name": n, "ref": f"refs/tags/{n}", "targetCommit": c} for n, c in found.tags.items()]
            branch = {"name": "main", "ref": "refs/heads/main", "targetCommit": found.head}
            self._json({"branches": [branch], "tags": tags, "converts": [], "pullRequests": []})

    def yaml(self) -> None:
        self._json({"errors": [], "warnings": []})


def _in_store(file: dict) -> bool:
    return file["size"] > LFS_BYTES or file["path"].endswith(LFS_NAMES)


_ROUTES = (
    (("GET",), r"/api/whoami-v2", _Handler.whoami),
    (("POST",), r"/api/repos/create", _Handler.create),
    (("POST",), r"/api/validate-yaml", _Handler.yaml),
    (("POST",), rf"/api/{_REPO}/preupload/(?P<revision>[^/]+)", _Handler.preupload),
    (("POST",), rf"/api/{_REPO}/commit/(?P<revision>[^/]+)", _Handler.commit),
    (("POST",), rf"/api/{_REPO}/paths-info/(?P<revision>[^/]+)", _Handler.paths_info),
    (("GET",), rf"/api/{_REPO}/tree/(?P<revision>[^/]+)(?P<path>/.*)?", _Handler.tree),
    (("POST",), rf"/api/{_REPO}/tag/(?P<revision>[^/]+)", _Handler.tag),
    (("GET",), rf"/api/{_REPO}/refs", _Handler.refs),
    (("GET",), rf"/api/{_REPO}/revision/(?P<revision>[^/]+)", _Handler.info),
    (("GET",), rf"/api/{_REPO}", _Handler.info),
    (("POST",), r"/((?P<prefix>datasets|spaces)/)?(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch", _Handler.batch),
    (("PUT",), r"/lfs/(?P<digest>[0-9a-f]{64})", _Handler.upload),
    (("GET", "HEAD"), r"/((?P<prefix>datasets|spaces)/)?(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)",
     _Handler.resolve),
)  # fmt: skip
