"""Memory of a server whose work is done by many threads."""

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys, tempfile, threading
from threedpain.spaces.memory import few_arenas

few_arenas() if sys.argv[1] == "few" else None
library, everybody = ctypes.CDLL(None), threading.Barrier(12)
library.malloc.restype = library.fdopen.restype = ctypes.c_void_p

def take():
    library.malloc(1000)
    everybody.wait()

threads = [threading.Thread(target=take) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
with tempfile.TemporaryFile() as told:
    stream = ctypes.c_void_p(library.fdopen(told.fileno(), b"w"))
    library.malloc_info(0, stream)
    library.fflush(stream)
    told.seek(0)
    print(told.read().count(b"<heap nr="))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="heaps a thread are glibc's")
def test_threads_share_two_heaps():
    heaps = [
        int(subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True).stdout)
        for how in ("few", "many")
    ]
    assert heaps[0] <= 2 < heaps[1]
