"""Enlarging over HTTP: a server process that touches no picture, a worker process that does, and a page."""
