"""Measures what edge-fer promises and writes docs/results.md; in no wheel."""
