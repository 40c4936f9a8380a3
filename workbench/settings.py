"""Settings: defaults, overridden by `$WORKBENCH_HOME/workbench.toml`, overridden by `WORKBENCH_…` variables."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import BadInput

FILE_NAME = "workbench.toml"


class AccountSettings(BaseModel):
    """An account at a configured broker, as [accounts.NAME]."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    broker: str = Field(description="The [brokers.NAME] it is at; paper for practice on the prices of a market.")
    mode: Literal["paper", "sandbox", "live"] = Field(
        default="sandbox", description="In which the broker has to be; in another one nothing is opened."
    )
    market: str = Field(default="", description="The [brokers.NAME] whose prices a paper account trades on.")
    strategy: str = Field(
        default="",
        description="The strategy that trades here: from stage paper on in a sandbox, live where it is live.",
    )
    currency: str = Field(default="USD", min_length=3, max_length=8, description="Its currency.")
    calendar: str = Field(default="always", description="When its market is open, and in which zone its days are.")
    cash: float | None = Field(default=None, gt=0, description="What a paper account begins with.")


class Settings(BaseModel):
    """What a user may set; unknown keys are refused, by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(description="Folder that holds all state.")
    blocked_plugins: tuple[str, ...] = Field(default=(), description="Plugins that are not loaded, by name.")
    live_history: int = Field(default=5_000, ge=100, description="Longest history, in bars, given to a live strategy.")
    lookahead_cuts: int = Field(
        default=5_000, ge=1_000, description="Up to so many bars the look-ahead proof cuts at each."
    )

    risk_rules: tuple[str, ...] = Field(
        default=(), description="Rules of the trading profile, in their order; empty for the usual ones."
    )
    limits: dict[str, dict[str, float | int | str | bool]] = Field(
        default={}, description="Settings of risk rules, as [limits.max_positions] most = 5."
    )
    gates: dict[str, dict[str, float | int | str | bool]] = Field(
        default={}, description="Thresholds of gates, as [gates.backtest] min_trades = 30."
    )
    feeds: dict[str, Literal["loop", "replay", "poll"]] = Field(
        default={}, description='How a strategy\'s data is fed, as [feeds] my_strategy = "replay".'
    )
    brokers: dict[str, dict[str, float | int | str | bool]] = Field(
        default={}, description='Brokers beside paper, as [brokers.mine] plugin = "openalgo", product = "MIS".'
    )
    accounts: dict[str, AccountSettings] = Field(
        default={}, description='Accounts at those, as [accounts.desk] broker = "mine", mode = "sandbox".'
    )
    templates: dict[str, dict[str, float | int | str | bool]] = Field(
        default={}, description='Order templates, as [templates.scalp] type = "limit", validity = "day", stop = 1.'
    )
    seconds_per_bar: float = Field(
        default=1.0, gt=0, le=86_400, description="Pace of the looped sample and of replayed files."
    )
    poll_seconds: float = Field(default=5.0, gt=0, le=3_600, description="How often a growing file is looked at.")
    loop_days: int = Field(default=365, ge=7, le=3_650, description="How many last days of the sample are looped.")
    alert_age: float = Field(default=60.0, gt=0, le=86_400, description="Seconds after which an alert is too old.")
    alerts_a_minute: int = Field(
        default=6_000, ge=1, le=1_000_000, description="Alerts a minute from one address, and for one strategy."
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="Reverse proxies whose X-Forwarded-For is believed, by address or network."
    )

    @property
    def artifacts(self) -> Path:
        """Folder of the runs' artifacts, one folder a run."""
        return self.home / "artifacts"


def load_settings(home: str | Path | None = None) -> Settings:
    """Read the settings of a home.

    `home` defaults to `$WORKBENCH_HOME`, then to `.workbench` in the working folder. It need not exist.
    Raises BadInput that names the file or variable, the key and what is allowed.
    """
    named = Path(home or os.environ.get("WORKBENCH_HOME") or ".workbench")
    try:
        folder = named.expanduser().absolute()
    except RuntimeError:
        raise BadInput(
            "home", str(named), "names a user that does not exist", "set WORKBENCH_HOME to a folder"
        ) from None
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    file = folder / FILE_NAME
    if file.is_file():
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput("settings file", str(file), f"not valid TOML ({error})", "correct or remove it") from None
        except OSError as error:
            raise BadInput(
                "settings file", str(file), f"cannot be read ({error.strerror})", "correct or remove it"
            ) from None
        origin = dict.fromkeys(values, str(file))
    if "home" in values:
        raise BadInput("settings file", str(file), "holds the key home", "set WORKBENCH_HOME instead")
    for key in Settings.model_fields.keys() - {
        "home",
        "limits",
        "gates",
        "feeds",
        "templates",
        "brokers",
        "accounts",
    }:  # tables have no variable
        variable = f"WORKBENCH_{key.upper()}"
        if variable in os.environ:
            text = os.environ[variable]
            is_list = key in ("blocked_plugins", "risk_rules", "trusted_proxies")
            values[key] = tuple(part.strip() for part in text.split(",") if part.strip()) if is_list else text
            origin[key] = variable
    try:
        return Settings(home=folder, **values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"][:3] if isinstance(part, str))
        allowed = ", ".join(sorted(Settings.model_fields.keys() - {"home"}))
        raise BadInput(
            f"setting {key} in {origin.get(key.partition('.')[0], 'settings')}",
            first.get("input"),
            first["msg"],
            f"known settings: {allowed}",
        ) from None
