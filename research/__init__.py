"""One-time experiments; the page each one writes is its result."""
