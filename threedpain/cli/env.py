"""`3dpain env`: what a bug report needs to say of the machine."""

import typer

PACKAGES = (
    "torch",
    "torchvision",
    "easypytorch3d",
    "numba",
    "numpy",
    "datasets",
    "huggingface_hub",
    "transformers",
    "diffusers",
    "pyarrow",
    "pillow",
    "gradio",
    "datatrove",
    "peft",
    "anny",
)


def command() -> None:
    """Show versions, devices and folders, for bug reports."""
    import os
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from threedpain import __version__
    from threedpain.assets import cache_dir, shipped

    lines = {
        "threedpain": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
    }
    for package in PACKAGES:
        try:
            lines[package] = version(package)
        except PackageNotFoundError:
            lines[package] = "not installed"
    try:
        import torch

        count = torch.cuda.device_count()
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(count)) or "none"
        lines["cuda"] = f"built for {torch.version.cuda}, devices: {names}"
    except ImportError as broken:
        lines["cuda"] = f"torch does not import: {broken}"
    try:
        from pytorch3d import _C  # noqa: F401  the compiled part is what fails on another torch

        lines["pytorch3d"] = "imports"
    except ImportError as broken:
        lines["pytorch3d"] = f"does not import: {' '.join(str(broken).split())[:120]}"
    lines["weights"] = ", ".join(shipped()) or "none"
    lines["cache"] = str(cache_dir())
    for name, value in lines.items():
        typer.echo(f"{name:16} {value}")
