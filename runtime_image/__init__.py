"""What runs in containers, and how its image is built (``python -m runtime_image.build``)."""
