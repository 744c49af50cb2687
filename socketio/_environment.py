"""Refuses, when imported, an environment that has python-socketio, which owns our import name.

Two distributions that write the same package leave a mixture of their files, and the one that is
removed takes files of the other with it. Nothing good can come of importing that, so it is refused.
"""

import os
import sys

_SITE_DIRECTORIES = ("site-packages", "dist-packages")
_METADATA = (".dist-info", ".egg-info", ".egg-link")


def _find_peer(package: str) -> str | None:
    # Reading the metadata would import importlib.metadata, which costs more than all the rest of
    # `import socketio`. The name of the folder says enough, and one listing of a folder is cheap.
    #
    # Looked at are the folder that holds our package (also right for `pip install --target`) and
    # this environment's own site-packages (our package is elsewhere when installed editable). A
    # virtual environment that sees the system's packages hides a python-socketio there completely.
    folders = {os.path.dirname(package)}
    for folder in sys.path:
        if os.path.basename(folder) in _SITE_DIRECTORIES and folder.startswith(sys.prefix + os.sep):
            folders.add(folder)
    for folder in folders:
        try:
            names = os.listdir(folder)
        except OSError:
            continue  # a zip file or a folder that is not there holds no installed distribution
        for name in names:
            if name.startswith(("python_socketio-", "python-socketio.")) and name.endswith(
                _METADATA
            ):
                return os.path.join(folder, name)
    return None


def _refuse_python_socketio() -> None:
    """Refuse to be imported in an environment that has python-socketio too.

    Raises:
        ImportError: It has; the message says how to get out of it.
    """
    peer = _find_peer(os.path.dirname(os.path.abspath(__file__)))
    if peer is None:
        return
    raise ImportError(
        f"python-socketio is installed in this environment ({peer}); it and socketio are two "
        "distributions with the same import name, and each overwrites files of the other. Remove "
        "both, then install the one you want:\n"
        "    pip uninstall -y python-socketio socketio\n"
        "    pip install socketio",
        name="socketio",
    )


_refuse_python_socketio()
