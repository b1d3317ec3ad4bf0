"""Publishing to the Hub: a dataset, a model, the Space or all figures; what was uploaded is not uploaded again."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

import httpx2  # what huggingface_hub speaks through
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalTokenNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from threedpain.errors import InvalidInput, MissingFile, ThreeDPainError
from threedpain.generation.dataset.manifest import locked, read_plan

from .publish_space import check_wheels, with_addresses
from .upload import FILES, ours_there

TYPES = ("dataset", "model", "space", "figures")
NEEDED = {
    "dataset": ("README.md", "manifest.json"),
    "model": ("config.json",),
    "space": ("README.md", "app.py"),
    "figures": ("README.md", "figures.parquet"),
}
AGAIN = "What was uploaded stays; the same command goes on from there."
CARDS = ("README.md", "README.new.md")  # where a card goes: to the second while the first is somebody's own text
# Titles of commits that leave no text of somebody's: ours, and the Hub's own when it makes a repository.
OURS = re.compile(r"3DPain( \S+)?|initial commit")

logger = logging.getLogger(__name__)


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
    with _alone(folder) if kind == "dataset" else nullcontext():
        return _publish(folder, repo, kind, private, create, tag, HfApi(endpoint=endpoint, token=token))


def _publish(folder: Path, repo: str, kind: str, private: bool, create: bool, tag: str | None, api: HfApi) -> str:
    names = FILES[kind](folder)
    tag = tag or _version(folder, kind)
    there_as = "dataset" if kind == "figures" else kind  # the Hub's word for what it becomes
    where = f"{repo} on {api.endpoint}"
    try:
        user = api.whoami()["name"]
        if create:
            sdk = {"space_sdk": "gradio"} if kind == "space" else {}
            api.create_repo(repo, repo_type=there_as, private=private, exist_ok=True, **sdk)
        head = api.repo_info(repo, repo_type=there_as).sha
        there = set(api.list_repo_files(repo, repo_type=there_as, revision=head))
        with tempfile.TemporaryDirectory() as scratch:

            def read(name: str) -> bytes:
                scrap = Path(scratch) / "there"
                return Path(
                    api.hf_hub_download(repo, name, repo_type=there_as, revision=head, local_dir=scrap)
                ).read_bytes()

            gone = (ours_there(kind, there, read, folder, repo) - set(names)) & there
            if kind == "space":
                folder = with_addresses(folder, Path(scratch) / "space", f"{api.endpoint}/spaces/{repo}")
            card = _place_of_card(api, repo, there_as, head, there)
            if card == CARDS[0] and _untouched(api, repo, there_as, head, there & {CARDS[1]}):
                gone |= there & {CARDS[1]}
            # One commit, on what was looked at: nobody sees half a set, and what is changed meanwhile is not replaced.
            places = {CARDS[0]: card}
            adding = [CommitOperationAdd(places.get(name, name), folder / name) for name in names]
            removing = [CommitOperationDelete(name) for name in sorted(gone)]
            api.create_commit(
                repo, [*adding, *removing], commit_message=f"3DPain {tag}" if tag else "3DPain", repo_type=there_as,
                parent_commit=head,
            )  # fmt: skip
            if card != CARDS[0] and CARDS[0] in names:
                logger.warning("README.md of %s was edited there and is kept; the new one is %s.", where, card)
        if tag:
            api.create_tag(repo, tag=tag, repo_type=there_as, exist_ok=True)
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
    prefix = constants.REPO_TYPES_URL_PREFIXES.get(there_as, "")
    return f"{api.endpoint}/{prefix}{repo}"


def _place_of_card(api: HfApi, repo: str, kind: str, head: str | None, there: set[str]) -> str:
    """The name that the card gets: never that of a text which somebody wrote on the Hub."""
    for name in CARDS:
        if _untouched(api, repo, kind, head, there & {name}):
            return name
    raise InvalidInput(f"{' and '.join(CARDS)} of {repo} were both edited there; rename or delete one of them.")


def _untouched(api: HfApi, repo: str, kind: str, head: str | None, names: set[str]) -> bool:
    """Whether every one of these files is as it was published last."""
    found = api.get_paths_info(repo, sorted(names), expand=True, revision=head, repo_type=kind) if names else []
    return all(file.last_commit is not None and OURS.fullmatch(file.last_commit.title) for file in found)


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
    return f"v{read_plan(folder / 'plan.json')[0]}" if kind == "dataset" else None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Under the lock of a dataset's folder, so that no run changes it meanwhile; nobody can change a read-only one."""
    with ExitStack() as stack:
        with suppress(PermissionError):
            stack.enter_context(locked(folder))
        yield


def _sentence(refusal: HfHubHTTPError, where: str, user: str | None) -> str:
    status = refusal.response.status_code if refusal.response is not None else None
    if status == 401:
        return "The Hub does not accept the token: log in again with `hf auth login`."
    if status == 403:
        return f"{user or 'This login'} may not write to {where}; use a token with write access, or another name."
    if status == 412:
        return f"{where} was changed meanwhile. {AGAIN}"
    if status == 409:
        return f"The name {where} is taken; choose another."
    if status is not None and status >= 500:
        return f"The Hub has trouble of its own (status {status}). {AGAIN}"
    return f"The Hub refused {where} (status {status}). {AGAIN}"
