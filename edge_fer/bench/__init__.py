"""Measure on this device: time, load, memory and the latency up to the broker."""
