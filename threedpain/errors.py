"""The one exception tree: everything a user can cause derives from `ThreeDPainError` and says one clear sentence."""


class ThreeDPainError(Exception):
    """A mistake or a missing thing the user can mend; the CLI prints it and exits with 2."""


class InvalidInput(ThreeDPainError, ValueError):
    """A value outside what is allowed; the sentence names the value and what is allowed."""


class MissingExtra(ThreeDPainError, ImportError):
    """An optional dependency is needed; the sentence holds the exact pip line."""


class MissingFile(ThreeDPainError, FileNotFoundError):
    """A file, folder or weight that should be there is not; the sentence says how to get it."""
