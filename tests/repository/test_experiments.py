"""The experiments' tables: arms that exist, differences that are paired, figures worked out by hand."""

import importlib.util
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from threedpain.modeling.training.run import TrainConfig, build_model

ROOT = Path(__file__).parents[2]


def benchmark(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


@pytest.fixture(scope="module")
def experiments():
    yield from benchmark("experiments")


@pytest.fixture(scope="module")
def pages():
    yield from benchmark("experiments_page")


def answers(experiments, **columns):
    count = len(columns["pspi_hat"])
    return pd.DataFrame({"id": range(count), "identity": [f"{at // 2}" for at in range(count)], **columns})


def test_every_row_names_an_arm_that_exists(experiments):
    for rows in experiments.EXPERIMENTS.values():
        assert len({row.label for row in rows}) == len(rows)
        assert {row.arm for row in rows} <= set(experiments.ARMS)


def test_every_arm_of_the_issue_differs_from_the_base(experiments):
    base = experiments.ARMS["base"]
    assert all(arm != base for name, arm in experiments.ARMS.items() if name != "base")


@pytest.mark.parametrize("name", ["base", "no-reference", "no-au-head", "no-maps", "vanilla", "pairwise", "au-linear"])
def test_arms_are_models_that_can_be_built(experiments, name, tmp_path):
    arm = experiments.ARMS[name]
    model = build_model(TrainConfig.of(arm.role, model=experiments.model_of(arm)))
    assert model.config.image_size == experiments.SIZE
    assert model.num_parameters() < 3_000_000


def test_differences_are_paired_by_picture(experiments):
    first = answers(experiments, PSPI=[0.0, 4, 8, 12], pspi_hat=[1.0, 4, 8, 10])
    told = answers(experiments, PSPI=[0.0, 4, 8, 12], pspi_hat=[0.0, 6, 8, 9])
    found = experiments.figures(told, first, rounds=200)
    assert found["mae"][0] == pytest.approx((0 + 2 + 0 + 3) / 4)
    assert found["further"][0] == pytest.approx((-1 + 2 + 0 + 1) / 4)
    # people: errors grow by (-1 + 2) / 2 and (0 + 1) / 2: however people are drawn, by a half
    assert found["further"][1:] == pytest.approx([0.5, 0.5])
    same = experiments.figures(first, first, rounds=50)
    assert same["further"] == [0, 0, 0] and same["auroc3"][0] == 1


def line(label, part="all", further=(0, 0, 0), trained_on=150):
    figures = {name: [0.5, 0.4, 0.6] for name in ("mae", "pearson", "auroc3")} | {"further": list(further)}
    return {"row": {"label": label}, "trained_on": trained_on, "tested_on": part, "pictures": 9, "people": 3,
            "guessing": 4.26, "figures": figures}  # fmt: skip


def test_tables_are_markdown_with_the_groups_beside_each_other(pages):
    plain = pages.as_table([line("a"), line("b", further=(1, 0.5, 1.5))]).splitlines()
    assert plain[0] == "|  | error | change | Pearson | AUROC(PSPI >= 3) |" and len(plain) == 4
    assert plain[3] == "| b | 0.50 (0.40 to 0.60) | **+1.00 (+0.50 to +1.50)** | 0.50 | 0.50 |"
    lines = [line(label, part) for label in "ab" for part in ("all", "old", "young")]
    groups = pages.as_table(lines).splitlines()
    assert groups[0] == "|  | error | change | old | young |" and len(groups) == 4
    assert all(text.count("|") == 6 for text in groups)
    assert pages.as_table([line("a"), line("b", trained_on=50)]).splitlines()[3].startswith("| b | 50 | ")


def test_a_page_says_what_is_not_measured_and_marks_what_these_people_can_show(experiments, pages, tmp_path):
    (tmp_path / "plan.json").write_text(
        '{"generator_version": "9.9.9", "config": {"identities": 400, "size": 192, "seed": 21}}'
    )
    bench = experiments.Bench(str(tmp_path), None, tmp_path, 350)
    rows = [line("undistilled"), line("distilled", further=(-0.2, -0.3, -0.1)), line("other", further=(0.1, -0.1, 0.3))]
    page = pages.page({"about": experiments.about(bench), "tables": {"distillation": rows}})
    assert "**-0.20 (-0.30 to -0.10)**" in page and "| +0.10 (-0.10 to +0.30) |" in page
    told = " ".join(page.split())
    assert "Always answering the mean errs by 4.3." in told
    assert "The set: 400 people, 192 pixels, seed 21, generator 9.9.9." in told
    assert page.count("Not measured yet.") == len(experiments.EXPERIMENTS) - 1
    assert max(map(len, page.splitlines())) <= 125


def test_the_page_is_what_its_figures_say(experiments, pages):
    found = ROOT / "docs" / "experiments.json"
    content = json.loads(found.read_text())
    assert found.with_suffix(".md").read_text() == pages.page(content)
    assert set(content["tables"]) <= set(experiments.EXPERIMENTS) == set(pages.QUESTIONS)
