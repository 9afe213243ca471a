"""Compare with other models for docs/background/models.md: ``python -m training.compare``.

Costs are measured again, ours and those of well-known networks rebuilt with random weights;
accuracies are read from the cards in models/, the records in training/records/ and peers.toml.
"""
