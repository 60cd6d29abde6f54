"""What can be wrong with a value.

The messages name no field: whoever knows the field's path puts it in front.

    DaguError
    └── ValueFailed
        ├── ParamsInvalid         caller input does not fit the declared parameters
        ├── EnvironmentInvalid    a secret or dotenv file can't be used
        ├── SubstitutionFailed    a command of an ``eval`` field is nested, or did not succeed
        ├── PatternInvalid        a regular expression is not one
        ├── OutputInvalid         a step left something other than the outputs it declares
        ├── ItemsInvalid          ``parallel`` or ``foreach`` has no usable items
        └── ShellInvalid          no command line can be made of the shell
"""

from __future__ import annotations

from dagu.errors import DaguError


class ValueFailed(DaguError):
    """A value can't be had, or does not fit."""


class ParamsInvalid(ValueFailed):
    """Caller input does not fit the declared parameters, or one of them has no value."""


class EnvironmentInvalid(ValueFailed):
    """A secret or a dotenv file can't be used."""


class SubstitutionFailed(ValueFailed):
    """A command of an ``eval`` field is nested, or did not succeed in time."""


class PatternInvalid(ValueFailed):
    """A regular expression is not one."""


class OutputInvalid(ValueFailed):
    """A step left something other than the outputs it declares."""


class ItemsInvalid(ValueFailed):
    """``parallel`` or ``foreach`` has no usable items."""


class ShellInvalid(ValueFailed):
    """No command line can be made of the shell, its arguments and the text."""
