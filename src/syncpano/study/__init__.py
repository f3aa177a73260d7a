"""The user study kit (supplementary S.7): a form of picture pairs, its key, the score. No torch.

A question shows one prompt and two panoramas of it, one of each run, in random order. A vigilance
question shows a panorama and a montage of windows that have nothing to do with each other: whoever
finds the montage more coherent did not look. Which picture is which stands in the key alone.
"""
