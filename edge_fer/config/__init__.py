"""Every option: its definition, how it is loaded, and how the default file is written."""
