"""Makes the files in models/: from FER-2013 to a pruned INT8 network with its card.

Needs torch; the daemon never imports it. Preprocessing comes from edge_fer, never the reverse.
"""
