"""Publishing to the Hub: a dataset, a model or the Space; what was already uploaded is not uploaded again."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import httpx2  # what huggingface_hub speaks through
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalTokenNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from threedpain.errors import InvalidInput, MissingFile, ThreeDPainError
from threedpain.schema import CONFIGS

from .publish_space import check_wheels, with_addresses

TYPES = ("dataset", "model", "space")
IGNORED = [".generate/**", "**/*.tmp", ".git/**", "**/__pycache__/**", "report.json", "report.html"]  # of `check`
SHARDS = [f"{name}/*.parquet" for name in CONFIGS]  # those of a former version that are here no more go
NEEDED = {"dataset": ("README.md", "manifest.json"), "model": ("config.json",), "space": ("README.md", "app.py")}
AGAIN = "What was uploaded stays; the same command goes on from there."


class NotPublished(ThreeDPainError):
    """The Hub refused or could not be reached; the sentence says why and what to do."""


def publish(
    folder: str | Path,
    repo: str,
    kind: str = "dataset",
    private: bool = False,
    create: bool = True,
    tag: str | None = None,
    token: str | None = None,
    endpoint: str | None = None,
) -> str:
    """Upload `folder` to the Hub repository `repo` ("user/name"), tag the version, and return its address.

    tag: default is the generator's version for a dataset, none otherwise. token: default is the user's own login.
    """
    folder = Path(folder)
    _check(folder, repo, kind)
    tag = tag or _version(folder, kind)
    api = HfApi(endpoint=endpoint, token=token)
    where = f"{repo} on {api.endpoint}"
    try:
        user = api.whoami()["name"]
        if create:
            sdk = {"space_sdk": "gradio"} if kind == "space" else {}
            api.create_repo(repo, repo_type=kind, private=private, exist_ok=True, **sdk)
        there = set(api.list_repo_files(repo, repo_type=kind))
        _check_mine(there, api, repo, kind)
        message = f"3DPain {tag}" if tag else "Update"
        with tempfile.TemporaryDirectory() as scratch:
            if kind == "space":
                folder = with_addresses(folder, Path(scratch) / "space", f"{api.endpoint}/spaces/{repo}")
            api.upload_folder(
                repo_id=repo, repo_type=kind, folder_path=folder, commit_message=message, ignore_patterns=IGNORED,
                delete_patterns=SHARDS if kind == "dataset" else None,
            )  # fmt: skip
        if tag:
            api.create_tag(repo, tag=tag, repo_type=kind, exist_ok=True)
    except LocalTokenNotFoundError:
        raise NotPublished("No Hub token was found: log in once with `hf auth login`, or set HF_TOKEN.") from None
    except RepositoryNotFoundError:
        raise NotPublished(f"There is no repository {where} that this login can see.") from None
    except HfHubHTTPError as refusal:
        raise NotPublished(_sentence(refusal, where, locals().get("user"))) from None
    except RuntimeError as trouble:  # how the uploader tells that one file's upload broke
        if not isinstance(trouble.__cause__, (httpx2.HTTPError, OSError)):
            raise
        raise NotPublished(f"The upload to {where} broke off. {AGAIN}") from None
    except (httpx2.HTTPError, ConnectionError, TimeoutError) as trouble:
        raise NotPublished(f"The connection to {api.endpoint} broke ({type(trouble).__name__}). {AGAIN}") from None
    prefix = constants.REPO_TYPES_URL_PREFIXES.get(kind, "")
    return f"{api.endpoint}/{prefix}{repo}"


def _check(folder: Path, repo: str, kind: str) -> None:
    if kind not in TYPES:
        raise InvalidInput(f"type is one of {', '.join(TYPES)}, not {kind!r}.")
    if repo.count("/") != 1:
        raise InvalidInput(f"repo is written as user/name, not {repo!r}.")
    try:
        validate_repo_id(repo)
    except HFValidationError:
        raise InvalidInput(f"{repo!r} is no name the Hub allows: letters, digits, '-', '_' and '.' only.") from None
    if not folder.is_dir():
        raise MissingFile(f"there is no folder {folder}.")
    for name in NEEDED[kind]:
        if not (folder / name).is_file():
            unfinished = "; `3dpain generate` has not finished it" if name == "manifest.json" else ""
            raise MissingFile(f"{folder} holds no {name} and so is no {kind} to publish{unfinished}.")
    if kind == "space":
        check_wheels(folder)


def _version(folder: Path, kind: str) -> str | None:
    return f"v{json.loads((folder / 'plan.json').read_text())['generator_version']}" if kind == "dataset" else None


def _check_mine(there: set[str], api: HfApi, repo: str, kind: str) -> None:
    """A dataset is not put over something else of the same name."""
    foreign = [name for name in there if name not in (".gitattributes", "README.md")]
    if kind == "dataset" and foreign and "plan.json" not in there and not any("parquet" in name for name in foreign):
        raise NotPublished(f"{repo} already holds something else ({foreign[0]}); choose another name.")


def _sentence(refusal: HfHubHTTPError, where: str, user: str | None) -> str:
    status = refusal.response.status_code if refusal.response is not None else None
    if status == 401:
        return "The Hub does not accept the token: log in again with `hf auth login`."
    if status == 403:
        return f"{user or 'This login'} may not write to {where}; use a token with write access, or another name."
    if status == 409:
        return f"The name {where} is taken; choose another."
    if status is not None and status >= 500:
        return f"The Hub has trouble of its own (status {status}). {AGAIN}"
    return f"The Hub refused {where} (status {status}). {AGAIN}"
