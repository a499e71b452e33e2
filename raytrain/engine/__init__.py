"""Training in pure PyTorch, independent of Ray and Tune."""
