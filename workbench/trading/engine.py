"""Engine: the one process of a home that trades. It runs promoted strategies' sessions and takes alerts in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Event

from workbench.errors import LeaseLost, WorkbenchError
from workbench.model import Stage
from workbench.ports import AlertQueue, Fence, Guard, Renewable, RequestQueue, Sessions, StageBook, Standing, Waiting
from workbench.trading.clock import Clock
from workbench.trading.live_session import LiveSession
from workbench.trading.screen import LATER

IDLE = 0.01
"""Seconds between two looks where nothing was due."""
RETRY_SECONDS = 30.0
"""How long a session that cannot run is left alone."""
PATIENCE = timedelta(seconds=60)
"""How long an alert waits for a session that is to begin again."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
"""Seconds before a signal is tried for the second time, and at most between two tries."""
FLATTEN_EVERY = 0.1
"""Seconds between two steps of a panic."""
RUNNING = (Stage.PAPER, Stage.LIVE, Stage.PAUSED)
"""Stages whose strategies have a session; a paused one takes no entries, but its stops and exits work."""
_MOVED = "the strategy trades another account now"


class Engine:
    """Steps sessions, alerts and panics, one after the other, in one thread.

    A session that cannot be made is blocked and named, and tried again when its stage changes. Losing the lease, or
    the file, ends the engine: what is on file then is what another engine goes on from. `configured` accounts have a
    session always, for people's orders while no strategy trades there; `make_session` takes no standing then.
    `keep_due` puts what is due by the clock into the inbox.
    """

    def __init__(
        self,
        stages: StageBook,
        alerts: AlertQueue,
        requests: RequestQueue,
        fence: Guard,
        book: Sessions,
        lease: Renewable,
        make_session: Callable[[str, Standing | None], LiveSession],
        holds: Callable[[str, str | None], bool],
        changed: Callable[[], object],
        clock: Clock,
        configured: Sequence[str] = (),
        keep_due: Callable[[], bool] = bool,
    ) -> None:
        self._stages, self._alerts, self._requests, self._fence, self._book = stages, alerts, requests, fence, book
        self._lease, self._make, self._holds, self._changed, self._clock = lease, make_session, holds, changed, clock
        self._configured, self._keep_due = configured, keep_due
        self._sessions: dict[str, tuple[Standing | None, LiveSession]] = {}
        self._tried: dict[str, tuple[Standing | None, float]] = {}
        self._moved: set[str] = set()
        """Accounts whose strategy trades another one now."""
        self._seen: object = None
        self._halted = Fence()
        self._renew_at = self._flatten_at = self._retry_at = 0.0

    @property
    def sessions(self) -> Sequence[LiveSession]:
        """The sessions that run now."""
        return [session for _, session in self._sessions.values()]

    def run(self, stop: Event) -> None:
        """Work until told to stop. Raises LeaseLost, and whatever the file raises."""
        try:
            while not stop.is_set():
                if not self.step():
                    stop.wait(IDLE)
        finally:
            for account in list(self._sessions):
                self._end(account)

    def step(self) -> bool:
        """Whatever is due now, once; whether anything was."""
        now = self._clock.elapsed()
        if now >= self._renew_at:
            self._lease.renew()
            self._renew_at = now + self._lease.seconds / 4
        worked = self._keep_due()
        changed = self._changed()
        if changed != self._seen:
            self._seen = changed
            self._halted = self._fence.now()
            self._follow_stages()
            worked = self._take_requests()
            worked = self._take_alerts() or worked
        elif now >= self._retry_at:
            self._retry_at = now + RETRY_SECONDS
            self._follow_stages()
            worked = self._take_requests()
            worked = self._take_alerts() or worked
        for account, (standing, session) in list(self._sessions.items()):
            try:
                worked = session.step() or worked
                if session.leaving.reason:
                    session.leaving.close_held()
                    if session.leaving.is_over:
                        self._book.set_state(account, "ended", session.leaving.reason)
                        self._end(account)
                        self._tried.pop(account, None)  # a configured account is people's again
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001 - its ledger may be ahead of the file: begun again from there
                self._put_off(account, standing, error, "failed")
        if self._halted.halted and now >= self._flatten_at:
            self._flatten_at = now + FLATTEN_EVERY
            self._flatten()
        return worked

    def _flatten(self) -> None:
        """Behind the fence: one step towards nothing in every account."""
        if self._fence.is_flat():
            return
        flat = []
        for account, (standing, session) in list(self._sessions.items()):  # each one, whatever becomes of the others
            try:
                flat.append(session.flatten(self._halted.epoch))
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001 - one account that cannot be asked must not keep the others open
                flat.append(False)
                self._put_off(account, standing, error, "failed")
        unmade = {s.account for s in self._stages.all() if s.account} | set(self._book.traders())
        unmade -= self._sessions.keys()
        unasked = [account for account in self._configured if account not in self._sessions]  # who knows what is there
        if all(flat) and not unasked and not any(self._holds(account, None) for account in unmade):
            self._fence.set_flat(self._halted.epoch)

    def _end(self, account: str) -> None:
        """Let a session and its broker's connections go."""
        _, session = self._sessions.pop(account)
        with suppress(Exception):  # it is not used any more, whatever its broker makes of that
            session.close()

    def _put_off(self, account: str, standing: Standing | None, error: Exception, state: str) -> None:
        """End a session, name what went wrong, and try again in a while; where that cannot be written, all ends."""
        if account in self._sessions:
            self._end(account)
        self._tried[account] = standing, self._clock.elapsed() + RETRY_SECONDS
        self._book.set_state(account, state, _words(error))

    def _follow_stages(self) -> None:
        """Begin and end sessions as the stages say; one that cannot be made is tried again in a while."""
        wanted = self._wanted()
        for account, (before, session) in list(self._sessions.items()):
            standing = wanted.get(account)
            if before is None or standing == before:
                continue
            if standing is None or standing.strategy != before.strategy:
                session.leaving.leave(_MOVED)
            else:
                self._sessions[account] = standing, session
                self._tell(standing, session)
        for account, standing in wanted.items():
            running = account in self._sessions and (standing is None or self._sessions[account][0] is not None)
            tried, again_at = self._tried.get(account, (None, 0.0))
            if running or (tried == standing and account in self._tried and self._clock.elapsed() < again_at):
                continue
            if standing is not None and standing.stage not in RUNNING and not self._holds(account, None):
                # nothing to close: looked at again when its stage changes
                self._tried[account] = standing, float("inf")
                continue
            self._begin(account, standing)

    def _begin(self, account: str, standing: Standing | None) -> None:
        """Begin an account's session; people keep theirs where a strategy's cannot be made."""
        try:
            session = self._make(account, standing)
            if account in self._sessions:
                self._end(account)  # people's until now: this one goes on with all that is on file
            self._sessions[account] = standing, session
            session.start()
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - one session's trouble must not stop the others
            words = _words(error)
            if account not in self._sessions or self._sessions[account][0] is standing:
                self._put_off(account, standing, error, "blocked")
            self._tried[account] = standing, self._clock.elapsed() + RETRY_SECONDS
            if standing is not None and account in self._configured:
                self._instead(account, f"{standing.strategy} cannot trade here: {words}")
        else:
            self._tried.pop(account, None)
            self._tell(standing, session)

    def _instead(self, account: str, words: str) -> None:
        """People's session where a strategy's cannot be: what is held stays protected, and can be closed."""
        if account not in self._sessions:
            try:
                self._sessions[account] = None, self._make(account, None)
                self._sessions[account][1].start()
            except LeaseLost:
                raise
            except Exception:  # noqa: BLE001 - why is said already; it is tried again with the strategy's
                if account in self._sessions:
                    self._end(account)
                return
        self._book.set_state(account, "running", words)

    def _wanted(self) -> dict[str, Standing | None]:
        """The accounts that need a session, each with the strategy that trades there; None where people alone do.

        A strategy that trades, and holds, in an account which is no longer its own has to leave it first.
        """
        found: dict[str, Standing | None] = dict.fromkeys(self._configured)
        standings = {standing.strategy: standing for standing in self._stages.all()}
        for standing in standings.values():
            account, other = standing.account, found.get(standing.account)
            if not account or (other is not None and standing.stage not in RUNNING):
                continue
            runs = standing.stage in RUNNING or self._runs(account, standing.strategy)
            if account not in found or runs or self._holds(account, standing.strategy):
                found[account] = standing
        for account, name in self._book.traders().items():
            its, mine = found.get(account), standings.get(name)
            if mine is None or mine.account == account or (its is not None and its.strategy == name):
                continue
            if self._runs(account, name) or self._holds(account, name):
                found[account] = replace(mine, account=account, stage=Stage.RETIRED)
        self._moved = {account for account, its in found.items() if its and standings[its.strategy].account != account}
        return found

    def _runs(self, account: str, strategy: str) -> bool:
        """Whether a strategy's session runs in an account."""
        standing = self._sessions.get(account, (None, None))[0]
        return standing is not None and standing.strategy == strategy

    def _tell(self, standing: Standing | None, session: LiveSession) -> None:
        if standing is None:
            session.let_in("")
        elif standing.account in self._moved:
            session.leaving.leave(_MOVED)
        elif standing.stage not in RUNNING:
            session.leaving.leave(f"the strategy went to stage {standing.stage}")
        else:
            session.let_in("the strategy is paused" if standing.stage is Stage.PAUSED else "")

    def _take_requests(self) -> bool:
        """Carry out what people ask for, oldest first; one of an account without a session is refused."""
        waiting = self._requests.waiting()
        for request in waiting:
            session = self._sessions.get(request.account, (None, None))[1]
            if session is None:
                known = ", ".join(sorted(self._sessions)) or "none"
                words = f"account {request.account} has no running session; running: {known}"
                self._requests.settle(request.request_id, "refused", words, {"orders": []})
                continue
            try:
                done = session.carry_out(request)
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001 - as for an alert
                self._put_off(request.account, self._sessions[request.account][0], error, "failed")
                words = f"{type(error).__name__}: {error}"
                self._requests.settle(request.request_id, "refused", words, {"orders": []})
            else:
                self._requests.settle(request.request_id, done.status, done.reason, done.answer)
        return bool(waiting)

    def _take_alerts(self) -> bool:
        """Act on the alerts that wait, oldest first."""
        waiting = list(self._alerts.waiting())
        rank = {a.strategy: max(b.priority for b in waiting if b.strategy == a.strategy) for a in waiting}
        waiting.sort(key=lambda alert: -rank[alert.strategy])  # stable: the order within a strategy is kept
        held: set[str] = set()
        for alert in waiting:
            if alert.strategy in held:
                continue
            status, reason = self._outcome(alert) or ("", "")
            if status == LATER:
                held.add(alert.strategy)  # what came after it waits too
                self._later(alert, reason)
            elif status:
                self._alerts.settle(alert.signal_id, status, reason)
        if waiting:
            self._seen = None  # there may be more than were taken at once
        return bool(waiting)

    def _later(self, alert: Waiting, reason: str) -> None:
        """Try a signal again, each time after twice as long; refused once it is too old for that."""
        now = self._clock.now()
        pause = min(FIRST_PAUSE * 2**alert.attempts, LONGEST_PAUSE)
        self._retry_at = min(self._retry_at, self._clock.elapsed() + pause)
        if now - alert.received_at >= PATIENCE:
            words = f"too old: tried {alert.attempts + 1} times in {PATIENCE.total_seconds():.0f} s; {reason}"
            self._alerts.settle(alert.signal_id, "refused", words)
        else:
            self._alerts.put_off(alert.signal_id, now + timedelta(seconds=pause), reason)

    def _outcome(self, alert: Waiting) -> tuple[str, str] | None:
        """Act on one signal; where that fails its session begins again from the file, and it is tried again."""
        running = {session.name: session for session in self.sessions if not session.leaving.reason}
        session = running.get(alert.strategy)
        if session is None:
            again = {tried.strategy for tried, at in self._tried.values() if tried is not None and at != float("inf")}
            words = f"strategy {alert.strategy} has no running session"
            return LATER if alert.strategy in again else "refused", words
        try:
            return session.handle_alert(alert, self._alerts.plan(alert, self._clock.now()))
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - as for a bar
            standing, _ = self._sessions[session.account]  # looked up for each alert: it is there
            self._put_off(session.account, standing, error, "failed")
            self._tried[session.account] = standing, self._clock.elapsed()  # begun again at the next look
            return LATER, f"{type(error).__name__}: {error}"


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}"
