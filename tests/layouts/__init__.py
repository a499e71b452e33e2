"""Small folders in the layouts of well-known competitions and tools, drawn from a seed.

python -m tests.layouts.draw FOLDER [LAYOUT ...]
"""
