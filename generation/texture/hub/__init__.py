"""Skin and background from diffusion models of the Hub."""
