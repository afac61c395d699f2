"""Weights that others published, one file a network."""
