"""ViTPain itself; the three *_vitpain files travel with its weights."""

import transformers  # noqa: F401  registration runs now, before a file of this folder is half imported
