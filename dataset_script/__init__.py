"""How samples are read back: the `datasets` builder, the card, the check, other people's data, publishing.

Datasets on the Hub run no scripts any more (datasets 4 and later): a published 3DPain is Parquet files and a README.md
whose YAML declares configs and splits, and needs nothing of this package. What remains for a script is to make the data
where there are none: `builder`, a real `datasets` builder, known to the library when this package is imported.
"""

from .load import load as load

NAME = "3dpain"


def register() -> None:
    """Make `load_dataset("3dpain")` known to `datasets`.

    This is the one place that touches the library's private registry of builders. The factory beside it would look for
    data files in the current folder before it asks a builder; ours knows where its files are, or makes them.
    """
    import datasets.load as loading
    import datasets.packaged_modules as packaged
    from datasets.data_files import DataFilesDict

    registry = getattr(packaged, "_PACKAGED_DATASETS_MODULES", None)
    factory = getattr(loading, "PackagedDatasetModuleFactory", None)
    if not isinstance(registry, dict) or not hasattr(factory, "get_module"):
        raise ImportError("this version of datasets keeps its builders elsewhere; load a folder by its path instead")
    if NAME in registry:
        return
    registry[NAME] = (f"{__name__}.builder", NAME)

    class Factory(factory):
        def get_module(self):
            if self.name != NAME:
                return super().get_module()
            return loading.DatasetModule(*registry[NAME], {"dataset_name": NAME, "data_files": DataFilesDict()})

    loading.PackagedDatasetModuleFactory = Factory
