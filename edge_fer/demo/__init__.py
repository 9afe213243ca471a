"""Show the daemon at work: a demo with a private broker, plots, and annotated copies."""
