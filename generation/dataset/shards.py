"""The shard task: a pure function of the plan and the shard that writes its files and says what it wrote."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from threedpain import facs
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.process import give_back
from threedpain.schema import features

from .plan import VIDEO_FPS, VIDEO_SECONDS, Plan, Shard, picture_id
from .plan import Person as Planned
from .rows import Photo, Photographer, brows_hidden, expression_row, identity_row, image_row, in_frame, take, video_row
from .writer import write_parquet

REDRAWS = 12  # of one identity; the last draw stays whatever it is
BROWS_HIDDEN = 3  # of ten brow landmarks, from the front


class Stages:
    """CPU seconds spent in each stage of making a shard: what a free core takes, however busy the machine is."""

    def __init__(self) -> None:
        self.seconds: Counter = Counter()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.process_time()
        try:
            yield
        finally:
            self.seconds[name] += time.process_time() - start


def make_shard(
    pipe: Photographer,
    plan: Plan,
    shard: Shard,
    out: Path,
    progress: Callable[[int], None] = lambda done: None,
    stages: Stages | None = None,
) -> dict:
    """Write the shard's Parquet files under `out`; the returned entry for the manifest tells all about them."""
    stages = stages or Stages()
    rejects: Counter = Counter()
    planned = (plan.person(index) for index in shard.identities)
    people = ((who, _cast(pipe, plan, who, rejects, stages)) for who in planned)  # one at a time: memory is scarce
    make = _videos if shard.kind == "videos" else _pictures
    files = make(pipe, plan, shard, people, out, progress, rejects, stages)
    return {
        "shard": shard.name,
        "split": shard.split,
        "fingerprint": plan.fingerprint(shard),
        "identities": list(shard.identities),
        "files": files,
        "rejects": dict(sorted(rejects.items())),
    }


def cast_one(pipe: Photographer, plan: Plan, who: Planned, attempt: int):
    """The `attempt`-th draw of a planned identity."""
    return sample_identity(
        plan.identity_seed(who.index, attempt), age=who.age, gender=who.gender, ethnicity=who.ethnicity, head=pipe.head
    )


def _cast(pipe: Photographer, plan: Plan, who: Planned, rejects: Counter, stages: Stages):
    """A planned identity made flesh; another draw as long as the face cannot be read."""
    give_back()
    for attempt in range(REDRAWS):
        with stages("people"):
            person = pipe.people([cast_one(pipe, plan, who, attempt)])[0]
        give_back()  # sampling a skin takes 150 MB that drawing does not need
        with stages("gate"):
            reason = _unreadable(pipe, plan, person)
        if reason is None:
            break
        rejects[reason] += 1
    return person


def _unreadable(pipe: Photographer, plan: Plan, person) -> str | None:
    """Why this draw of an identity is no use, judged on a small neutral picture from the front."""
    photo = take(pipe, person, "gate", {}, "front", size=128)
    if not in_frame(photo.sample):
        return "face outside the frame"
    if brows_hidden(photo.sample) > BROWS_HIDDEN:
        return "hair over the brows"
    return None


def _pictures(pipe, plan, shard, people, out, progress, rejects, stages) -> list[dict]:
    config = plan.config
    expressions, identities = [], []
    done = 0

    def photograph(who, person, expression, view) -> dict:
        nonlocal done
        with stages("render"):
            photo: Photo = take(
                pipe, person, expression.id, expression.action_units, view, config.size, config.truth,
                accessories=_worn(plan, person, picture_id(expression.id, view), expression.kind),
                cameras=plan.camera(who.index, view),
            )  # fmt: skip
        rejects.update({"picture retaken, face outside the frame": photo.takes - 1} if photo.takes > 1 else {})
        with stages("encode"):
            row = image_row(config, person, expression, view, photo)
        done += 1
        progress(done)
        return row

    def blocks() -> Iterator[list[dict]]:
        for who, person in people:
            for view in plan.views:
                block = [photograph(who, person, expression, view) for expression in who.expressions]
                for row in block:
                    row["neutral_image"] = block[0]["image"]
                if view == plan.views[0]:
                    expressions.append(
                        [
                            expression_row(config, person, expression, row)
                            for expression, row in zip(who.expressions, block, strict=True)
                            if expression.kind == "pain"
                        ]
                    )
                yield block
            pain = [expression for expression in who.expressions if expression.kind == "pain"]
            strongest = max(pain, key=lambda expression: facs.pspi(expression.action_units), default=None)
            with stages("meshes"):
                identities.append([identity_row(config, person, who.id, strongest)])

    def write(kind: str, features_, rows) -> dict:
        path = f"{kind}/{shard.split}-{shard.number:05d}.parquet"
        return {"path": path, **write_parquet(out / path, features_, rows)}

    with stages("all"):
        files = [write("images", features("pairs", config.truth), blocks())]
    with stages("write"):
        if any(expressions):
            files.append(write("expressions", features("expressions"), expressions))
        files.append(write("identities", features("identities"), identities))
    return files


def _worn(plan: Plan, person, picture: str = "", kind: str = "neutral") -> tuple[str, ...]:
    who = person.identity
    return plan.accessories(who.seed, who.age, who.gender, picture, kind)


def _videos(pipe, plan, shard, people, out, progress, rejects, stages) -> list[dict]:
    def blocks() -> Iterator[list[dict]]:
        for number, (who, person) in enumerate(people):
            pain = [expression for expression in who.expressions if expression.kind == "pain"]
            strongest = max(pain, key=lambda expression: facs.pspi(expression.action_units))
            with stages("film"):
                before = number * VIDEO_SECONDS * VIDEO_FPS
                row = video_row(
                    plan.config, pipe, person, strongest, lambda frames, before=before: progress(before + frames),
                    _worn(plan, person),
                )  # fmt: skip
            yield [row]

    path = f"videos/{shard.split}-{shard.number:05d}.parquet"
    return [{"path": path, **write_parquet(out / path, features("videos"), blocks())}]
