"""Measures the system at the size of a province, beside a peer on the same work: ``make bench``; docs/performance.md."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
