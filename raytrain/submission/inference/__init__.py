"""Which dialect do these files speak? Read from the sample, the training table and the images."""
