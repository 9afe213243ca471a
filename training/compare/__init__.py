"""The comparison with other models, docs/background/models.md: ``python -m training.compare``.

Costs are measured anew, ours and those of well-known networks rebuilt with random weights;
accuracies are read from the cards in models/, the records in training/records/ and peers.toml.
"""
