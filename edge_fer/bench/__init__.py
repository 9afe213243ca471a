"""What it costs on this device: time, load, memory and the way to the broker."""
