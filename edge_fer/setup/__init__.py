"""The first start and the check of a device: discovery, installation, diagnosis."""
