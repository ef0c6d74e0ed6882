"""Compiled with numba, which takes a moment and 100 MB to import: nothing here may be imported before it is needed."""


def warm() -> None:
    """Makes all kernels ready: from numba's cache, or compiled, which takes some seconds, once on a machine."""
    from models.kernels import adam, image_gradient, memory_lstm, weight_gradient

    weight_gradient.warm()
    adam.warm()
    image_gradient.warm()
    memory_lstm.warm()
    warm_recordings()


def warm_recordings() -> None:
    """Those of them that short analyses use."""
    from models.kernels import digit_net, event_average, grey_png, ink, layer_summary, memory_recording

    grey_png.warm()
    digit_net.warm()
    layer_summary.warm()
    memory_recording.warm()
    event_average.warm()
    ink.warm()  # which takes longest
