"""The old place of hub.load_state_dict_from_url."""

__all__ = ["load_url"]


def load_url(url, model_dir=None, map_location=None, progress=True, check_hash=False, file_name=None):
    """hub.load_state_dict_from_url under its old name.

    >>> flambeau.utils.model_zoo.load_url("file:///nowhere.pth")
    Traceback (most recent call last):
        ...
    urllib.error.URLError: ...
    """
    from ..hub import load_state_dict_from_url

    return load_state_dict_from_url(url, model_dir, map_location, progress, check_hash, file_name)


def __getattr__(name):  # what torch's module has imported, and torchvision imports from there
    if name == "tqdm":
        from tqdm import tqdm

        return tqdm
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
