"""The shipped unit under a real systemd, in a container: what it promises, and what was seen."""
