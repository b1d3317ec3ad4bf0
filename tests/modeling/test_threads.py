"""Readings in several threads of one process, as a server makes them."""

import subprocess
import sys

PROGRAM = """
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from PIL import Image
from threedpain.modeling.reading import photos

rng = np.random.default_rng(0)
sizes = (200, 320), (320, 280), (90, 90)
noise = [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]
with ThreadPoolExecutor(4) as threads:
    found = list(threads.map(photos.find_faces, noise * 12))
print(sum(map(len, found)))
"""


def test_four_threads_look_for_faces_at_once():
    """dlib's detector has working memory of its own: used by two threads it found hundreds of faces, or crashed."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "0"), done.stderr
