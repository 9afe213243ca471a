"""Reports to the broker: wire format, outbox and MQTT. It knows nothing of cameras or networks."""
