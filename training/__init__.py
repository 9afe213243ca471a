"""Make the files in models/: from FER-2013 to a pruned INT8 network with its card.

Needs torch; the daemon never imports it. Preprocessing comes from edge_fer, never the reverse.
"""

# Imported first, since it switches onnxruntime's telemetry off before its import.
import edge_fer as edge_fer
