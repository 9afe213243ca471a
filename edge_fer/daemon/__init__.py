"""The rooms put together: settings, the pipeline and the service around it."""
