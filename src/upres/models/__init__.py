"""Model files: their facts, their weights, and what ships inside the package."""
