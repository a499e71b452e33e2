"""The results of a run as one HTML page. The subpackage reads facts from disk, draws figures and
pictures, and makes the page."""
