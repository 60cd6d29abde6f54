"""From what a file says to the values that steps use. Pure: starts no process, opens no file, asks no host.

==================  ===================================================================================
``tokens``          where a text holds references, and which
``scope``           what references and names can see
``resolve``         references, then unqualified ``$NAME``, replaced in one pass
``operators``       ``${NAME:-word}`` and its kin
``text``            how values look in text, and JSON in and out
``shells``          from a shell and a text to arguments; ``words`` splits shells and first lines
``substitution``    ``$(command)``, for the two ``eval`` fields
``consts``          the constants of a workflow, in order
``params_input``    the value of each parameter, out of ``params_tokens`` and checked by ``params_schema``,
                    whose small part for definitions is ``param_rules``
``environment``     the layers of a run's and a step's environment; ``dotenv`` reads their files
``context``         ``${context.…}`` of a run, step or handler
``outputs``         output files and variables; ``output_entries`` are those with a value for each key
``items``           the items of ``parallel`` and ``foreach``, and what those steps print
``conditions``      preconditions that match a value, with the ``patterns`` of Go
==================  ===================================================================================
"""
