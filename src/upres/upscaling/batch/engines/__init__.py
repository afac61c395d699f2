"""What runs many jobs: one file an engine."""
