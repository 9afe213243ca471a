"""From an aligned face crop to a steady emotion: model card, network, smoothing."""
