"""What is trained and how: model configurations and training settings by name; the paper's recipe among them."""

from __future__ import annotations

from typing import Any

IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

# Small enough for a laptop: convolutions that have seen photographs look closely, a short ViT on a 7 x 7 grid thinks.
STUDENT = {
    "image_size": 160, "focus": 0.7, "stem": "efficientnet-lite0", "stem_differences": True,
    "backbone_config": {
        "model_type": "vit", "hidden_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 512, "patch_size": 1, "layer_norm_eps": 1e-6,
    },
    "reference": "compare", "reference_layers": 1, "decoder_layers": 1, "heatmap_upsample": 8, "mask_classes": 13,
    "visible_head": True,
}  # fmt: skip

# Changes that give the student a trunk of its own, which begins from nothing: version 1.0's.
PLAIN_TRUNK = {
    "stem": "plain", "stem_widths": [32, 64, 128], "stem_depths": [0, 1, 2],
    "backbone_config": STUDENT["backbone_config"] | {"patch_size": 2},
}  # fmt: skip

TEACHER = {
    "image_size": 160, "focus": 0.7, "num_channels": 1, "reference": "none",
    "stem_widths": [16, 32, 64], "stem_depths": [0, 1, 1],
    "backbone_config": {
        "model_type": "vit", "hidden_size": 192, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 384, "patch_size": 2, "layer_norm_eps": 1e-6,
    },
    "decoder_layers": 1, "heatmap_upsample": 0, "mask_classes": 0,
}  # fmt: skip

# arXiv 2509.16727 and its released code: DINOv3-large, LoRA 8/16 with dropout 0.1, 224 px, a second encoder for the
# neutral face, one post-norm cross-attention of 8 heads, PSPI from CLS by 512-256-128-1, softmax-pooled AU queries.
PAPER = {
    "image_size": 224,
    "backbone_config": {
        "model_type": "dinov3_vit", "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
        "intermediate_size": 4096, "patch_size": 16,
    },
    "reference": "attention", "separate_neutral_backbone": True, "num_attention_heads": 8, "decoder_layers": 0,
    "pspi_hidden": [512, 256, 128], "au_hidden": 512, "au_activation": "relu", "dropout": 0.1,
    "heatmap_upsample": 4, "mask_classes": 0,
}  # fmt: skip

# What the student must not lean on, see faces.diet.Diet.
DIET = {"others": 0.33, "strangers": 0.1, "covered": 0.3, "tilted": 0.2, "small": 0.1}

# Model configuration, and training settings that differ from TrainConfig's defaults.
RECIPES: dict[str, dict[str, Any]] = {
    "student": {
        "model": STUDENT,
        # a stem that has seen photographs can learn PSPI and units at once, beside the pain map
        "settings": {"diet": DIET, "loss_weights": {"pspi": 1.0, "au": 2.0, "consistency": 0.2}},
    },
    "teacher": {"model": TEACHER, "settings": {"epochs": 4.0, "references": {"none": 1.0}}},
    "paper": {
        "model": PAPER,
        "settings": {
            "epochs": 150.0, "batch_size": 48, "learning_rate": 1e-4, "weight_decay": 0.1, "precision": "fp16",
            "lora_rank": 8, "lora_alpha": 16, "mean": IMAGENET_MEAN, "std": IMAGENET_STD,
            "backbone_weights": "facebook/dinov3-vitl16-pretrain-lvd1689m",
        },
    },
}  # fmt: skip
