"""The one exception tree: everything a user can cause derives from `ThreeDPainError` and says one clear sentence."""


def printable(text: str) -> str:
    """The text without characters that steer a terminal or turn its direction: each as its escape."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


class ThreeDPainError(Exception):
    """A mistake or a missing thing the user can mend; the CLI prints it and exits with 2.

    Its sentence may name files and values of unknown origin: nothing in it steers the terminal it is printed on.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class InvalidInput(ThreeDPainError, ValueError):
    """A value outside what is allowed; the sentence names the value and what is allowed."""


class MissingExtra(ThreeDPainError, ImportError):
    """An optional dependency is needed; the sentence holds the exact pip line."""


class MissingFile(ThreeDPainError, FileNotFoundError):
    """A file, folder or weight that should be there is not; the sentence says how to get it."""
