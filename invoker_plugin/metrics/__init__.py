"""What Prometheus is told: one registry of the process; no label grows with users or actions."""
