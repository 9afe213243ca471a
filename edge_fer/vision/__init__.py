"""Frame to chips: find faces, follow them, find their landmarks, cut them out upright."""
