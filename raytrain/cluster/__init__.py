"""Everything that imports ray: placement, data-parallelism, early stopping, recovery, watching."""
