"""What the tests share: fixtures, real brokers and daemons as processes, and helpers."""
