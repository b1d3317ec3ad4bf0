"""Work that other processes find by its name."""

import os

import torch

from threedpain.errors import InvalidInput


def where(job):
    """The job, the process and its number of threads; some jobs fail."""
    if job == "wrong":
        raise InvalidInput("not this job")
    if job == "broken":
        return 1 // 0
    if job == "deadly":
        os._exit(7)
    return job, os.getpid(), torch.get_num_threads()
