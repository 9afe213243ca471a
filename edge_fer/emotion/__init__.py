"""Chip to verdict: the model card, the network and smoothing over time."""
