"""The action-unit protocols: figures worked out by hand, nobody in two parts, units that nobody coded left out."""

import json

import numpy as np
import pandas as pd
import pytest
from drawn_faces import drawn_faces

from threedpain.facs import PAIN_UNITS
from threedpain.modeling.faces.faces import FaceSet
from threedpain.modeling.protocols import protocols, units
from threedpain.modeling.protocols.protocols import Settings, plan


def predictions():
    """AU4 read as it is graded and one more; AU9 seen twice, graded once; the rest is not coded."""
    table = pd.DataFrame({"id": ["a", "b", "c", "d"], **{unit: [np.nan] * 4 for unit in PAIN_UNITS}})
    table["AU4"], table["AU9"] = [0.0, 1, 2, 5], [0.0, 3, np.nan, 0]
    for unit in PAIN_UNITS:
        table[f"{unit}_hat"] = [1.0, 2, 3, 6] if unit == "AU4" else [0.5, 2, 0.2, 0.1]
    return table


def test_figures_of_units():
    told = units.measure(predictions(), {"c": frozenset({"AU9"})})
    assert told["ICC AU4"] == pytest.approx(1) and told["AUROC AU4"] == 1  # ICC(3,1) forgives an offset
    # AU9 is there in b and c, read .5 2 .2 .1: three of four pairs are in order
    assert told["AUROC AU9"] == pytest.approx(0.75)
    assert units.measure(predictions(), {})["AUROC AU9"] == 1
    assert all(np.isnan(told[f"{figure} {unit}"]) for unit in ("AU6", "AU43") for figure in ("ICC", "AUROC"))


def test_the_protocol_runs_by_subject_and_prints_what_is_coded(tmp_path, monkeypatch):
    faces = FaceSet.pack(drawn_faces(6, 4, 1), size=40, cache=tmp_path / "faces")
    faces.table["fold"] = faces.table["identity"].astype(int) % 3
    faces.table[["PSPI", "AU7", "AU10", "AU43"]] = np.nan
    monkeypatch.setattr(protocols, "_faces", lambda name, settings: faces)
    monkeypatch.setattr(protocols.units, "present", lambda data: {})
    taught = []

    def fit(begin, learn, watch, settings, out, *rest):
        out.mkdir(parents=True)
        taught.append(set(learn.table["identity"]))

    monkeypatch.setattr(protocols, "_fit", fit)

    def ask(folder, some, settings):
        hats = {f"{unit}_hat": some.table[unit].fillna(0) for unit in PAIN_UNITS}
        return some.table.assign(**hats, pspi_hat=0.0, pain1_hat=0.5)

    monkeypatch.setattr(protocols, "_ask", ask)
    report = protocols.run("disfa-3fold", Settings("vitpain", "disfa:somewhere"), tmp_path / "out")
    folds = plan("disfa-3fold", faces.table)
    assert len(folds) == 3 and all(not set(fold.train) & set(fold.test) for fold in folds)
    assert taught == [set(fold.train) for fold in folds]
    assert report["table"].splitlines()[2].startswith("| AU4 | 1.00") and "AU7" not in report["table"]
    kept = json.loads((tmp_path / "out" / "fold-0" / "fold.json").read_text())
    assert kept["figures"]["AUROC AU4"] == 1 and kept["figures"]["ICC AU7"] is None
