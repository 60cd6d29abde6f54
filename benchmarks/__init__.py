"""How much the runner costs beside the engine, as ratios to rivals that are measured in the same run.

``python -m benchmarks`` measures, ``--help`` tells more. Nothing here judges: the targets stand beside the figures.
"""
