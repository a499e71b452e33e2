"""What a run came to, as one HTML page: facts read from disk, figures, pictures, the page."""
