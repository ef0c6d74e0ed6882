"""What `models` refuses. Each message tells a student what was given, what is allowed and what to try."""


class LabError(Exception):
    """Base of everything that `models` raises on purpose.

    Attributes:
        pointer: Which field of the request is to be mended, as a JSON pointer such as ``/unit``; None when no single
            field is to blame.
    """

    def __init__(self, message: str, pointer: str | None = None) -> None:
        super().__init__(message)
        self.pointer = pointer


class UnknownLayer(LabError):
    """A layer that the network does not have."""


class UnknownUnit(LabError):
    """A unit outside its layer."""


class InvalidStimulus(LabError):
    """Numbers that are no stimulus: wrong shape, or outside the range."""


class InvalidPicture(LabError):
    """Bytes that are no readable PNG or JPEG."""


class PictureTooLarge(LabError):
    """A picture with more bytes or more pixels than are let through."""


class UnknownDigit(LabError):
    """An index outside its split of MNIST."""


class DatasetUnavailable(LabError):
    """MNIST is neither in the folder that was named, nor in the data folder, nor to be downloaded."""


class InvalidTask(LabError):
    """A memory task that cannot be: lengths, delays, pulses or clamps that contradict each other."""


class InvalidTraining(LabError):
    """Training or tuning settings that contradict each other."""


class InvalidAnalysis(LabError):
    """Settings of an analysis that make no sense together, or for this layer, unit or model."""


class CorruptCheckpoint(LabError):
    """Weights or a saved state that do not belong to the network they claim."""
