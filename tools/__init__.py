"""For maintainers: what ships, and the pictures of the documents; run with `python -m tools.NAME`."""
