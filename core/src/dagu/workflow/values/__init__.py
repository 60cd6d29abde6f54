"""From what a file says to the values that steps use. Pure: starts no process, opens no file, asks no host.

=====================  ==========================================================================
``tokens``             where a text holds references, and which
``scope``              what references and names can see
``resolve``            references, then unqualified ``$NAME``, replaced in one pass
``operators``          ``${NAME:-word}`` and its kin
``substitution``       ``$(command)``, for the two ``eval`` fields
``consts``             the constants of a workflow, in order
``params_input``       caller input to parameters
``environment``        the layers of a run's and a step's environment
``context``            ``${context.…}`` of a run, step or handler
``outputs``            what a step leaves for the steps after it
``conditions``         preconditions that match a value
``items``              the items of ``parallel`` and ``foreach``, and what those steps print
``shells``             from a shell and a text to arguments
=====================  ==========================================================================
"""
