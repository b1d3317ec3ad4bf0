"""How long the Space lets a visitor wait: CPU seconds of the server, and seconds on the clock, through a browser.

    python benchmarks/space.py [--rounds 5] [--out latency.json]

A slider change counts from the key to the new picture on the screen; the first page from the address to its first face;
a reading from the request to the answer. CPU seconds are all the server's threads', so they hold on a busy machine too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from gradio_client import Client, handle_file
from playwright.sync_api import sync_playwright
from screens import PATIENCE, QUIET, Served

TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured; medians are told")
    parser.add_argument("--machine", default=f"{os.cpu_count()} cores, no GPU", help="how to call it in the results")
    parser.add_argument("--out", type=Path, help="json file, for `model_cards/render.py --latency`")
    options = parser.parse_args()
    rounds = options.rounds
    site = Served()
    with site as url, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)

        def first_page() -> None:
            page = browser.new_page()
            page.goto(url)
            page.wait_for_selector("#face img", timeout=PATIENCE)
            page.close()

        rows = [("first page", 5.0, measure(site, rounds, first_page))]
        page = browser.new_page()
        page.goto(url)
        page.wait_for_selector("#face img", timeout=PATIENCE)
        steps = iter(range(1, 10_000))

        def change(name: str, value: float) -> None:
            """Set a slider, and wait until another picture is on the screen."""
            old = page.eval_on_selector("#face img", "image => image.src")
            number = page.locator(f"#{name} input[type=number]")
            number.fill(str(value))
            number.press("Enter")
            page.wait_for_function(
                "old => { const i = document.querySelector('#face img'); return i && i.src !== old && i.complete }",
                arg=old, timeout=PATIENCE,
            )  # fmt: skip

        brow = measure(site, rounds, lambda: change("au4", next(steps) % 10 / 2))
        view = measure(site, rounds, lambda: change("yaw", 10 * (next(steps) % 5) + 10))
        age = measure(site, rounds, lambda: change("age", 20 + next(steps) % 60), settle=6)
        rows += [("slider of the expression", 1.0, brow), ("slider of the view", 1.0, view),
                 ("slider of the person, face before its reading", 1.0, age)]  # fmt: skip
        client = Client(url, verbose=False)
        face, rest, *_ = client.predict({"AU4": 4}, api_name="/make_face")
        photo, neutral = handle_file(face), handle_file(rest)
        reading = measure(site, rounds, lambda: client.predict(photo, neutral, api_name="/read_face"))
        rows.append(("reading, with the face at rest", 0.5, reading))
        browser.close()
    print("| what | limit, s | on the clock, s | CPU, s |\n|---|---|---|---|")
    for name, limit, (clock, cpu) in rows:
        print(f"| {name} | {limit:g} | {clock:.2f} | {cpu:.2f} |")
    if options.out:
        waits = [{"what": name, "limit": limit, "clock": clock, "cpu": cpu} for name, limit, (clock, cpu) in rows]
        results = {"machine": options.machine, "rounds": rounds, "waits": waits}
        options.out.write_text(json.dumps(results, indent=1) + "\n")


def measure(site: Served, rounds: int, action: Callable[[], None], settle: float = 0.5) -> tuple[float, float]:
    """Medians of the clock and of the server's CPU; between rounds the server comes to rest."""
    clocks, cpus = [], []
    for _ in range(rounds):
        before, start = cpu_seconds(site.process.pid), time.perf_counter()
        action()
        clocks.append(time.perf_counter() - start)
        cpus.append(cpu_seconds(site.process.pid) - before)
        time.sleep(settle)
    return statistics.median(clocks), statistics.median(cpus)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    main()
