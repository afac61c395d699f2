"""Every number that is claimed, measured on this machine and printed; run with `python -m benchmarks.NAME`."""
