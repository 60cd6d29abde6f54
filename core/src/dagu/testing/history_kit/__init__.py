"""The conformance kit of history stores: one class with two fixtures to fill in."""

from __future__ import annotations

from typing import Any

from dagu.testing.history_kit.lists import Lists
from dagu.testing.history_kit.owners import Owners
from dagu.testing.history_kit.records import Records
from dagu.testing.history_kit.together import Together

__all__ = ["HistoryConformance"]


class HistoryConformance(Records, Lists, Together, Owners):
    """Proves a history store. Subclass it in a test module and tell how one is opened, and how a run is owned::

        class TestMyStore(HistoryConformance):
            @pytest.fixture
            def opened(self, tmp_path):
                return lambda: MyStore(url, tmp_path)  # the same history each time, empty at first

            @pytest.fixture
            def owned(self, tmp_path):
                return lambda run_id: my_lock(tmp_path, run_id)  # a context manager

    A case can't be overridden or taken away.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cases = {name for name in dir(HistoryConformance) if name.startswith("test_")}
        changed = sorted(
            name for name in cases if getattr(cls, name, None) is not getattr(HistoryConformance, name)
        )
        if changed:
            raise TypeError(f"{cls.__name__} overrides {', '.join(changed)} of the conformance kit")
