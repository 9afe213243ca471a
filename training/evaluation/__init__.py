"""Measure what users of the daemon do not need: robustness to corruptions, effect of alignment."""
