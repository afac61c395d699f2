"""Model files made from model files."""
