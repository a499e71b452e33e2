"""Where trainings are shown besides the console and the run's own files."""

from raytrain.config.base import Spec


class TrackingSpec(Spec):
    """Views of every trial: search, folds and finalists."""

    tensorboard: bool = True
    """Event files for `tensorboard --logdir <storage>/<competition>/<run>`."""
