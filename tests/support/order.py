"""Which files of tests are begun first: those that take longest, so that none is left alone at the end."""

LONGEST = (
    "generation/test_accessories.py",
    "generation/test_generate.py",
    "repository/test_fresh.py",
    "repository/test_docs.py",
    "spaces/test_space_load.py",
    "spaces/test_space_looks.py",
    "modeling/test_training.py",
    "generation/test_hair.py",
    "generation/test_texture.py",
    "generation/test_swap.py",
    "dataset_script/test_publish.py",
    "spaces/test_space_serving.py",
    "repository/test_light.py",
    "modeling/test_protocols.py",
    "generation/test_cluster.py",
    "threedpain/test_imports.py",
    "threedpain/test_first_minutes.py",
    "dataset_script/test_fuzz_files.py",
    "threedpain/test_cli.py",
    "repository/test_readme.py",
    "repository/test_packaging.py",
)


def longest_first(items: list) -> None:
    """In place; the others stay as they are. It is for `--dist loadfile --no-loadscope-reorder`."""
    items.sort(key=lambda item: _place(item.nodeid.split("::")[0].removeprefix("tests/")))


def _place(name: str) -> int:
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)
