"""The one engine for many images: a plan, workers that may crash, results keyed by what made them, and a summary.

``plan`` says which inputs there are and where the results of each go. ``work`` does one item in the process it runs
in. ``worker`` is that process, ``worker_process`` its owner, who ends it when it takes too long or too much. ``local``
and ``cluster`` hand out the items: on this computer, or on the machines of a Dask cluster. ``run`` ties them together.

This room knows nothing of images: what is done with an item is a :class:`~.work.Task`, named by its dotted name.
"""
