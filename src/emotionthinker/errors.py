"""The typed errors of the package. Each says what came, what was expected and how to mend it."""

from __future__ import annotations


class EmotionThinkerError(Exception):
    """Base of every error this package raises on purpose; the command line prints it without a traceback."""


class AudioError(EmotionThinkerError):
    """A sound file or array that cannot be used.

    `kind` is one of `missing`, `unreadable`, `undecodable`, `truncated`, `empty`, `not_finite`, `out_of_range`,
    `cancelled`, `too_long`, `wrong_shape`, `wrong_part`.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class RecordError(EmotionThinkerError):
    """A manifest or record line that does not hold what it must; the message names file and line."""


class CorpusError(RecordError):
    """Something of a corpus that makes no record, or a corpus that is not there.

    `kind` is one of `wrong_layout`, `bad_name`, `bad_label`, `bad_row`, `missing_sound`, `missing_sheet`,
    `known_bad`, `repeated_id`.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class RecipeError(EmotionThinkerError):
    """A recipe with an unknown field, a wrong value or a missing file."""


class WeightsError(EmotionThinkerError):
    """Model files that are missing, damaged or not what they claim to be."""


class DeafForwardError(EmotionThinkerError):
    """A forward pass whose tokens promise audio while no audio features reached the model."""


class EndpointError(EmotionThinkerError):
    """A language-model endpoint that did not answer usably after all retries."""


def message_of(error: BaseException) -> str:
    """What a side file says of an error that must not stop a corpus; one that nobody foresaw is named as such."""
    return str(error) if isinstance(error, EmotionThinkerError) else f"unexpected {error!r}; please report it"


def kind_of(error: BaseException) -> str:
    """The typed reason written into a side file: the kind of an audio or corpus error, `bad_row` for another row that
    does not hold what it must, else the class name."""
    if isinstance(error, (AudioError, CorpusError)):
        return error.kind
    return "bad_row" if isinstance(error, RecordError) else type(error).__name__
