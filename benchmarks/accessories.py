"""What accessories and covers cost: the pictures of a plan with `--accessories on` and off, in CPU time of one thread.

    python benchmarks/accessories.py [--people 20] [--size 512] [--purpose release|training] [--expressions 10]
    python benchmarks/accessories.py --people 2 --names glasses mouth_hand      # what these alone cost, on everybody
    python benchmarks/accessories.py --people 12 --whole                        # all of `generate`, and its memory

Every picture is taken twice, with what is worn and without, by turns which comes first, so that both know the same
caches and the same machine. Skin is the flat one: its sampling is paid once a person and is the same for both.
With --whole `3dpain generate` itself runs once with and once without, skins, gates, meshes and files included.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import defaultdict
from tempfile import TemporaryDirectory

from threedpain.generation.dataset.plan import Config, Plan, picture_id
from threedpain.generation.dataset.rows import take
from threedpain.generation.dataset.shards import cast_one
from threedpain.generation.pipeline import PainFacePipeline
from threedpain.generation.process import one_thread
from threedpain.limits import COVERS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--expressions", type=int, default=10)
    parser.add_argument("--purpose", default="release", choices=("release", "training"))
    parser.add_argument("--names", nargs="*", default=[], help="worn by everybody, each by itself, not what is drawn")
    parser.add_argument("--whole", action="store_true", help="run `3dpain generate` instead, with one worker")
    arguments = parser.parse_args()
    if arguments.whole:
        whole(arguments.people, arguments.size, arguments.expressions, arguments.purpose)
        return
    plan = Plan(
        Config(
            identities=arguments.people,
            expressions=arguments.expressions,
            size=arguments.size,
            purpose=arguments.purpose,
            texture="flat",
        )
    )
    with_, without = (PainFacePipeline.from_pretrained(texture="flat", device="cpu") for _ in range(2))
    spent: dict[str, list[list[float]]] = defaultdict(list)
    with one_thread():
        list(photograph(with_, without, plan, 0))  # compiled kernels loaded
        for name in arguments.names or (None,):
            for number in range(arguments.people):
                for kind, pair in photograph(with_, without, plan, number, name):
                    spent[kind].append(pair)
    print("| pictures | | ms with | ms without | ratio |\n|---|---:|---:|---:|---:|")
    every = [pair for pairs in spent.values() for pair in pairs]
    for kind, pairs in (*sorted(spent.items()), *([] if arguments.names else [("all", every)])):
        on, off = (1e3 * sum(times) / len(pairs) for times in zip(*pairs, strict=True))
        print(f"| {kind} | {len(pairs)} | {on:.1f} | {off:.1f} | {on / off:.3f} |")


def whole(people: int, size: int, expressions: int, purpose: str) -> None:
    """`3dpain generate` with and without accessories: CPU time of all its processes, and the largest of them."""
    asked = {"identities": people, "size": size, "expressions": expressions, "purpose": purpose}
    options = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    seconds, gigabytes = {}, {}
    print("| accessories | CPU s | largest process, GB |\n|---|---:|---:|")
    for kind in ("on", "off"):
        with TemporaryDirectory() as folder:
            rest = f"--workers 1 --videos 0 --accessories {kind} --out {folder}".split()
            command = [sys.executable, "-m", "threedpain.cli", "generate", *options, *rest]
            made = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _, status, used = os.wait4(made.pid, 0)
        if status:
            raise SystemExit(f"generate --accessories {kind} failed ({os.waitstatus_to_exitcode(status)})")
        seconds[kind], gigabytes[kind] = used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6
        print(f"| {kind} | {seconds[kind]:.0f} | {gigabytes[kind]:.2f} |", flush=True)
    print(f"| ratio | {seconds['on'] / seconds['off']:.3f} | {gigabytes['on'] / gigabytes['off']:.3f} |")


def photograph(with_: PainFacePipeline, without: PainFacePipeline, plan: Plan, number: int, name: str | None = None):
    """Kind of picture and its CPU seconds with accessories and without, of all pictures of one person."""
    planned = plan.person(number)
    who = cast_one(with_, plan, planned, 0)
    people = {pipe: pipe.people([who])[0] for pipe in (with_, without)}
    for view in plan.views:
        for turn, shown in enumerate(planned.expressions):
            drawn = plan.accessories(who.seed, who.age, who.gender, picture_id(shown.id, view), shown.kind)
            worn = (name,) if name else drawn
            seconds = {}
            for pipe in (with_, without) if turn % 2 else (without, with_):
                start = time.process_time()
                names = worn if pipe is with_ else ()
                take(pipe, people[pipe], shown.id, shown.action_units, view, plan.config.size, accessories=names)
                seconds[pipe] = time.process_time() - start
            kind = "covered" if set(worn) & set(COVERS) else "something worn" if worn else "nothing worn"
            yield name or kind, [seconds[with_], seconds[without]]


if __name__ == "__main__":
    main()
