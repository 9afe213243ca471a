"""How accurate a model is on labelled data."""
