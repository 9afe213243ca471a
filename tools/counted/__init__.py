"""Counts what a frame costs in instructions and writes docs/counted.md; in no wheel."""
