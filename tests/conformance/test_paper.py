"""The paper broker keeps the contract of brokers: in memory, and with a book on disk that outlives its process."""

from __future__ import annotations

from pathlib import Path

import pytest
from workbench_plugins.paper_broker import PaperBroker

from workbench.testing.brokers import BarRig, BrokerContract


class TestPaper(BrokerContract):
    """Without a file: what needs a restart is skipped."""

    @pytest.fixture
    def rig(self) -> BarRig:
        return BarRig(PaperBroker)


class TestPaperWithABook(BrokerContract):
    """With a file, another process finds everything again; and bars with a volume, of which orders get a share."""

    @pytest.fixture
    def rig(self, tmp_path: Path) -> BarRig:
        def broker() -> PaperBroker:
            return PaperBroker(book=tmp_path / "book.sqlite", realism="volume_share=1")

        return BarRig(broker, is_kept=True, volume_limits=True)
