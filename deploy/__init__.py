"""What is deployed beside the package: an image of it, dashboards, alerts."""
