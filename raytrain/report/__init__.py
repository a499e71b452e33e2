"""The results of a run as one HTML page: facts read from disk, figures, pictures, the page."""
