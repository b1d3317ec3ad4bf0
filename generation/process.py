"""Processes: those we start, how they and this one keep to a number of threads for a while, why they ended.

for answer in each(function, jobs, workers=2): ...      # in processes of one thread each, in the order of the jobs
with one_thread(): ...                                  # bits depend on the number of threads
"""

from __future__ import annotations

import ctypes
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from queue import SimpleQueue
from typing import IO, Any

from threedpain.errors import ThreeDPainError

THREADS = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)

# glibc keeps freed arrays of up to 32 MB for itself and scatters small ones over them: a fifth more memory in the end.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(16 << 20)}


def give_back() -> None:
    """Hand freed memory to the system: glibc keeps it, scattered, and a process grows and grows."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def cause(code: int) -> str:
    """Why a process ended."""
    if code == -9:
        return "killed: perhaps the memory was full"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads for torch in here, and as many as before afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_thread() -> AbstractContextManager[None]:
    """Bits depend on the number of threads: whatever promises bytes has one."""
    return threads(1)


@contextmanager
def plain_attention() -> Iterator[None]:
    """No fused attention in here: in spite of its name the switch rules the CPU's too, whose backward is slow on 50
    tokens."""
    import torch

    before = torch.backends.cuda.flash_sdp_enabled()
    torch.backends.cuda.enable_flash_sdp(False)
    try:
        yield
    finally:
        torch.backends.cuda.enable_flash_sdp(before)


def start(module: str, *arguments: str, stderr: IO | int | None = None, **environment: str) -> subprocess.Popen:
    """A new interpreter that runs `module` with one thread, spoken to through its pipes.

    It imports from where this process does, and has a session of its own: Ctrl-C is for the caller alone, who then
    ends it.
    """
    found = [os.environ.get("PYTHONPATH", ""), *(path or os.getcwd() for path in sys.path)]
    paths = {"PYTHONPATH": os.pathsep.join(path for path in dict.fromkeys(found) if path)}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=os.environ | THREADS | MEMORY | paths | environment,
        start_new_session=True,
    )


def end(process: subprocess.Popen) -> None:
    """Kill a process of ours and close its pipes."""
    process.kill()
    process.wait()
    with suppress(BrokenPipeError):
        process.stdin.close()
    process.stdout.close()


def ask(process: subprocess.Popen, question: Any, what: str) -> Any:
    """The answer of a process that runs `serve`; what it fails with is raised here. `what` it does, for the error."""
    with suppress(BrokenPipeError):  # it has said why, or has died
        pickle.dump(question, process.stdin)
        process.stdin.flush()
    try:
        answer = pickle.load(process.stdout)
    except EOFError:
        raise ThreeDPainError(f"The process that {what} died ({cause(process.wait())}).") from None
    if isinstance(answer, ThreeDPainError):
        raise answer
    return answer


def serve(prepare: Callable[[], Callable[[Any], Any]]) -> None:
    """Answer the questions of `ask` until nobody asks any more; `prepare` makes what answers them."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer

    def say(answer: Any) -> None:
        pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()

    try:
        answered = prepare()
        while True:
            say(answered(pickle.load(questions)))
    except EOFError:
        pass
    except ThreeDPainError as problem:
        say(problem)
    except Exception as problem:
        traceback.print_exc()
        say(ThreeDPainError(f"A worker failed ({type(problem).__name__}: {problem})."))


def each(function: Callable[[Any], Any], jobs: Sequence, workers: int) -> Iterator[Any]:
    """`function(job)` of every job, in their order: in worker processes, or in this one where one is enough. Either way
    with one thread. The function is one of a module, so that another process finds it."""
    if workers < 2 or len(jobs) < 2:
        for job in jobs:
            with one_thread():
                made = function(job)
            yield made
        return
    team = [start(__name__) for _ in range(min(workers, len(jobs)))]
    free: SimpleQueue[subprocess.Popen] = SimpleQueue()
    for worker in team:
        free.put(worker)

    def done(job: Any) -> Any:
        worker = free.get()
        try:
            return ask(worker, (function, job), "works on a job")
        finally:
            free.put(worker)

    with ThreadPoolExecutor(len(team)) as pool:
        try:
            yield from pool.map(done, jobs)
        finally:  # whoever leaves early waits for nobody
            for worker in team:
                end(worker)


def _answering() -> Callable[[tuple[Callable, Any]], Any]:
    import torch

    torch.set_num_threads(1)  # of this process, which is ours, and whose libraries may not read the environment
    return lambda question: question[0](question[1])


if __name__ == "__main__":
    serve(_answering)
