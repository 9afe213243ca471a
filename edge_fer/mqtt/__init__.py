"""MQTT: build messages, deliver them to a broker, and keep them until it acknowledges."""
