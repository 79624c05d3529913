"""The TOML beside a network, as people write it."""


def sidecar(size=8, crop=1.0, mean=(0, 0, 0), std=(255, 255, 255), channels="RGB", more=""):
    """The text of a sidecar of a classifier; ``more``: further lines of it."""
    return (
        f'size = {size}\ncrop = {crop}\ninterpolation = "bilinear"\n'
        f'mean = {list(mean)}\nstd = {list(std)}\nchannels = "{channels}"\n{more}\n'
    )
