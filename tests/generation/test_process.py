"""Worker processes, and contexts that leave this process as it was."""

import os

import pytest
import torch
from jobs import where

from threedpain.errors import InvalidInput, ThreeDPainError
from threedpain.generation.process import each, one_thread, plain_attention, threads


@pytest.mark.parametrize("workers", [1, 2])
def test_each_job_is_done_in_order_on_one_thread(workers):
    with threads(3):
        answers = []
        for answer in each(where, list(range(5)), workers):
            answers.append(answer)
            assert torch.get_num_threads() == 3, "between two jobs the process is the caller's"
    assert [job for job, _, _ in answers] == list(range(5))
    assert {count for _, _, count in answers} == {1}
    assert (os.getpid() in {process for _, process, _ in answers}) == (workers == 1)


@pytest.mark.parametrize(
    ("job", "kind", "sentence"),
    [
        ("wrong", InvalidInput, "not this job"),
        ("broken", ThreeDPainError, r"A worker failed \(ZeroDivisionError: "),
        ("deadly", ThreeDPainError, r"The process that works on a job died \(exit code 7\)"),
    ],
)
def test_what_a_worker_fails_with_is_raised_here(job, kind, sentence):
    with pytest.raises(kind, match=sentence):
        list(each(where, ["fine", job], 2))


def test_contexts_restore_what_they_found_also_after_an_error():
    with threads(3):
        with pytest.raises(KeyError), one_thread():
            assert torch.get_num_threads() == 1
            raise KeyError
        assert torch.get_num_threads() == 3
    before = torch.backends.cuda.flash_sdp_enabled()
    with pytest.raises(KeyError), plain_attention():
        assert not torch.backends.cuda.flash_sdp_enabled()
        raise KeyError
    assert torch.backends.cuda.flash_sdp_enabled() == before
