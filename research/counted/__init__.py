"""Counts what a frame costs in instructions and writes docs/background/counted.md; in no wheel."""
