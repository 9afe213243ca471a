"""Smaller files for the 68 landmarks, and what they cost in accuracy."""
