"""edge-fer: facial expressions from a camera to MQTT, on the device."""

import os

# onnxruntime 1.29 and later send telemetry unless this is set before the first import.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
