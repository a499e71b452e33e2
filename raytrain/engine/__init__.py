"""Training in pure PyTorch: it knows neither Ray nor Tune."""
