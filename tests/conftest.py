"""Every test: offline, one thread, caches in a temporary folder, no settings of the user's."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import hypothesis
import pytest
from order import longest_first
from wheels import wheel  # noqa: F401 (a fixture of several rooms)

# A run started in the background ignores SIGINT, and so would the programs that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before any library is imported: they read these once.
_CACHE = Path(tempfile.mkdtemp(prefix="threedpain-tests-"))
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HOME=str(_CACHE / "huggingface"),
    HF_DATASETS_CACHE=str(_CACHE / "datasets"),
    HF_HUB_DISABLE_TELEMETRY="1",
    GRADIO_ANALYTICS_ENABLED="False",
    MPLBACKEND="Agg",
    OMP_NUM_THREADS="1",
    MKL_NUM_THREADS="1",
    NUMBA_NUM_THREADS="1",
    THREEDPAIN_CACHE=str(_CACHE / "threedpain"),
)
os.environ.pop("HF_TOKEN", None)

# The same examples in every run, and no clock: a busy machine is no failure.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("suite")


def pytest_configure(config):
    config.add_cleanup(lambda: shutil.rmtree(_CACHE, ignore_errors=True))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    longest_first(items)
