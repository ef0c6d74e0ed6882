"""Networks, data, training and analyses of the Patchclamp lab. Nothing here knows HTTP or a database.

Names of tensor axes, used in every docstring below this package:

    image     one stimulus of a batch
    row, column   pixels of a 28x28 stimulus, or places of a convolutional layer's map
    channel   maps of a convolutional layer
    unit      neurons of a dense or recurrent layer; for a convolutional layer the flat index in C order
    start     independent random beginnings of one optimisation
    trial     independent runs of the memory task in a batch
    time      steps of 1 ms
    sequence  repetitions of memorize-and-report within one trial
    network   networks trained side by side
    coordinate   numbers of a memory's state: the outputs of all units, then their cells
    point     states at which a memory rests, or nearly so

Pixels run from 0 (paper) to 1 (ink). Tensors are float32 unless a docstring says otherwise.
"""
