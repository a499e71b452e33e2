"""All code that imports ray: placement, data parallelism, early stopping, recovery, monitoring."""
