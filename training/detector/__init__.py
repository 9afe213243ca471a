"""A small face detector: teaching boxes, mosaics, network, training, export, measurement.

`python -m training.detector` runs every step that is missing and goes on where it stopped.
"""
