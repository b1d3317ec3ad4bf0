"""What reading a picture costs by its size, stage by stage, and what a folder of them does to memory.

    python benchmarks/read.py [--sides 256,512,1024] [--pictures 24]

CPU milliseconds a picture, one process and one thread: opened from a JPEG file, the face found, read alone, and read
beside the same person's neutral picture. The pictures are those of the sample that ships, enlarged. Two free cores read
twice as many, in two processes.
"""

from __future__ import annotations

import io
import resource
import tempfile
import time
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer
from PIL import Image

import threedpain
from threedpain.generation.process import one_thread
from threedpain.modeling.reading.files import Neutrals, read_files
from threedpain.modeling.reading.photos import open_photo
from threedpain.modeling.reading.reader import PainReader

STAGES = ("open", "find", "read", "read a pair")


def main(
    sides: Annotated[str, typer.Option(help="Pixels of a side, separated by commas.")] = "256,512,1024",
    pictures: Annotated[int, typer.Option(help="How many of each size.")] = 24,
) -> None:
    start = time.process_time()
    reader = PainReader()
    print(f"A reader is made in {time.process_time() - start:.1f} s.")
    rows = pq.read_table(
        Path(threedpain.__file__).parent / "sample" / "images" / "train-00000.parquet", columns=["image"]
    )
    small = [row["image"]["bytes"] for row in rows.slice(0, pictures).to_pylist()]
    print(f"| side | {' | '.join(STAGES)} | alone, pictures/s | pairs/s |\n{'|---:' * 7}|")
    with tempfile.TemporaryDirectory() as folder, one_thread():
        for side in map(int, sides.split(",")):
            files = [Path(folder) / f"{side}-{number}.jpg" for number in range(len(small))]
            for file, data in zip(files, small, strict=True):
                Image.open(io.BytesIO(data)).resize((side, side), Image.Resampling.BICUBIC).save(file, quality=92)
            told(reader, files, side)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        many = files * 4
        for _ in read_files(reader, many, Neutrals(reader)):
            pass
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
        print(f"\n{len(many)} more files of the largest side took {more:.0f} MB more.")


def told(reader: PainReader, files: list[Path], side: int) -> None:
    """One line of the table."""
    spent = dict.fromkeys(STAGES, 0.0)
    read = 0
    for number, file in enumerate([files[0], *files]):  # the first time counts for nobody
        times = [time.process_time()]
        photo = open_photo(file)
        times.append(time.process_time())
        found = reader.find(photo)
        times.append(time.process_time())
        if len(found) != 1:
            continue
        reader.read_face(photo, found[0], [])
        times.append(time.process_time())
        reference = reader.reference(photo, found[0])
        kept = time.process_time()
        reader.read_face(photo, found[0], [reference])
        times.append(times[-1] + time.process_time() - kept)
        if number:
            read += 1
            for stage, begin, end in zip(STAGES, times, times[1:], strict=False):
                spent[stage] += 1e3 * (end - begin)
    each = {stage: spent[stage] / read for stage in STAGES}
    alone = each["open"] + each["find"] + each["read"]
    pair = alone - each["read"] + each["read a pair"]
    cells = " | ".join(f"{each[stage]:.1f}" for stage in STAGES)
    print(f"| {side} | {cells} | {1e3 / alone:.0f} | {1e3 / pair:.0f} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
