"""What the daemon is worth: data sets, metrics, evaluation and the bench."""
