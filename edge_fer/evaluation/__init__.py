"""Measure the accuracy of a model on labelled data."""
