"""ViTPain for transformers: `register` and `register_pipeline` run when transformers and its pipelines are imported."""

from __future__ import annotations

from importlib import import_module


def register() -> None:
    """Register ViTPain with AutoConfig, AutoModel and AutoImageProcessor; harmless when repeated."""
    from transformers import AutoConfig, AutoImageProcessor, AutoModel

    from threedpain.modeling.vitpain import baselines
    from threedpain.modeling.vitpain.configuration_vitpain import ViTPainConfig
    from threedpain.modeling.vitpain.image_processing_vitpain import ViTPainImageProcessor
    from threedpain.modeling.vitpain.modeling_vitpain import ViTPainModel

    AutoConfig.register(ViTPainConfig.model_type, ViTPainConfig, exist_ok=True)
    AutoModel.register(ViTPainConfig, ViTPainModel, exist_ok=True)
    backends = {"pil": ViTPainImageProcessor, "torchvision": ViTPainImageProcessor}  # one class, which needs neither
    AutoImageProcessor.register(ViTPainConfig, image_processor_classes=backends, exist_ok=True)
    baselines.register()
    # saved folders carry the three files, so that they load where this package is not installed
    ViTPainConfig.register_for_auto_class()
    ViTPainModel.register_for_auto_class("AutoModel")
    ViTPainImageProcessor.register_for_auto_class("AutoImageProcessor")


def register_pipeline() -> None:
    """Register the `pain-assessment` pipeline."""
    import_module(f"{__name__}.vitpain.pipeline_vitpain")  # registers itself, also where it was imported first
