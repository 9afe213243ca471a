"""The daemon: builds the pipeline from the settings and runs the service around it."""
