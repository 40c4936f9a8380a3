"""Bootstrap: settings in, a ready Workbench out; what it runs it records, and can run again."""

from workbench.bootstrap.desk import Workbench, open_workbench
from workbench.bootstrap.recording import Chosen

__all__ = ["Chosen", "Workbench", "open_workbench"]
