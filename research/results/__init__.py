"""Measures what edge-fer promises and writes docs/background/results.md; in no wheel."""
