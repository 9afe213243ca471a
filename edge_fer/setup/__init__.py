"""First start and diagnosis: what `edge-fer setup` and `edge-fer check` do."""
