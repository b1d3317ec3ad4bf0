"""Read a FLAME model file the user holds, without running anything that is in it.

The official file is a Python pickle. Only arrays, sparse matrices and the shells of chumpy's arrays are taken from it;
any other class in it is refused. An .npz or .safetensors file with the same entries does as well:
v_template [V, 3], shapedirs [V, 3, shapes + expressions], f [F, 3], weights [V, joints], J_regressor [joints, V].
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from threedpain.errors import InvalidInput, MissingFile

HOW = (
    "register at https://flame.is.tue.mpg.de, accept its licence, download FLAME 2020 or 2023 and pass the path of "
    "generic_model.pkl or flame2023.pkl (an .npz or .safetensors with its arrays does as well)"
)
ENTRIES = {"v_template": 2, "shapedirs": 3, "f": 2, "weights": 2, "J_regressor": 2}  # name -> dimensions
_ALLOWED = {
    "numpy": {"ndarray", "dtype"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "_codecs": {"encode"},
    "copy_reg": {"_reconstructor"},
    "copyreg": {"_reconstructor"},
    "__builtin__": {"object"},
    "builtins": {"object"},
    "collections": {"OrderedDict"},
    "scipy.sparse.csc": {"csc_matrix"},
    "scipy.sparse._csc": {"csc_matrix"},
    "scipy.sparse.csr": {"csr_matrix"},
    "scipy.sparse._csr": {"csr_matrix"},
}


class _Shell:
    """Stands in for a chumpy array: keeps its value."""

    def __setstate__(self, state: Any) -> None:
        self.value = state.get("x") if isinstance(state, dict) else None


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module in ("chumpy.ch", "chumpy.ch_ops", "chumpy.reordering") and name in ("Ch", "Select"):
            return _Shell
        if name not in _ALLOWED.get(module, ()):
            raise InvalidInput(f"the FLAME file asks for {module}.{name}, which no FLAME model needs: it is not loaded")
        if module.startswith("scipy.sparse"):
            import scipy.sparse

            return getattr(scipy.sparse, name)
        return super().find_class(module, name)


def read_flame(path: str | Path | None) -> dict[str, np.ndarray]:
    """The entries of `ENTRIES`, dense; a sentence for what is missing or malformed."""
    if path is None:
        raise MissingFile(f"the FLAME head needs a FLAME model file, which may not be shipped: {HOW}")
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"there is no FLAME model at {path}: {HOW}")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                entries = {key: file[key] for key in file.files if key in ENTRIES}
        elif path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            entries = load_file(path)
        else:
            with path.open("rb") as stream:
                entries = _ArraysOnly(stream, encoding="latin1").load()
    except InvalidInput:
        raise
    except Exception as problem:  # whatever a broken file provokes in three readers
        raise InvalidInput(f"{path} cannot be read as a FLAME model: {problem}") from problem
    return {key: _dense(entries, key, dimensions, path) for key, dimensions in ENTRIES.items()}


def _dense(entries: Any, key: str, dimensions: int, path: Path) -> np.ndarray:
    value = entries.get(key) if isinstance(entries, dict) else None
    value = value.value if isinstance(value, _Shell) else value
    value = value.toarray() if hasattr(value, "toarray") else value
    if value is None or np.ndim(value) != dimensions:
        raise InvalidInput(f"{path} is no FLAME model: it has no {dimensions}-dimensional array {key!r}")
    return np.asarray(value)
