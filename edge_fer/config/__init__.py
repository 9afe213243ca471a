"""The configuration: definition of every option, loading, and the rendered default file."""
