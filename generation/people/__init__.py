"""Who: identities from a seed and a demographic cell."""
