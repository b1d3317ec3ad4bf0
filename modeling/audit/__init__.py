"""Auditing any detector by cell and on counterfactual pairs."""
