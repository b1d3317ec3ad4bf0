"""ViTPain itself; the three *_vitpain files travel with its weights."""
