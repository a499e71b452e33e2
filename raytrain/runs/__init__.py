"""What a run directory is: where each artifact stands and how it is written and read."""
