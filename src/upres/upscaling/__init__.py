"""Picture in, larger picture out."""
