"""How the skin model is trained."""
