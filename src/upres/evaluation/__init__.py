"""Models measured on test sets, for quality and for speed."""
