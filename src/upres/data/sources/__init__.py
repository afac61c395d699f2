"""Layouts in which pictures are published, one file each."""
