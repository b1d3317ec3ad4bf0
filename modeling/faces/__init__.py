"""Faces as training data: reading sets, packing, batches, augmentation."""
