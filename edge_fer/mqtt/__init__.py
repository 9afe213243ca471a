"""From reports to the broker: messages, their delivery and the outbox."""
