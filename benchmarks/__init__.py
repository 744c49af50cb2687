"""Benchmarks side by side with the peers; see docs/how-to/run-the-benchmarks.md."""
