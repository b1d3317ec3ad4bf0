"""The training run, distillation, adapters of large backbones."""
