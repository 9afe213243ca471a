"""The numbers of stats in a real node_exporter and a real Prometheus."""
