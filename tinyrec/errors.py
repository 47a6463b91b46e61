"""The one exception that is meant for the person at the keyboard."""


class InputError(ValueError):
    """The data or the request is wrong. The message says what, where and what to do."""
