"""Locust's users.

A user of a closed loop calls again when it has its answer. A user of an open loop stands for calls
that come whether or not earlier ones were answered, so that a stall of the server shows.
"""

from __future__ import annotations

import random

import gevent
from emotion_client.client import DEFAULT_URL
from gevent.event import Event
from gevent.pool import Group
from locust import User, constant, task
from locust.exception import StopUser

from emotion_loadtest.arrivals import Arrivals
from emotion_loadtest.session import Session, now_s


class EmotionUser(User):
    """A user of the classifier; `what` it calls for is one of `Session.asks`."""

    abstract = True
    host = DEFAULT_URL
    wait_time = constant(0)
    what = "text"

    @property
    def session(self) -> Session:
        """The session that LoadTest opened; without one, there is no run and the user ends."""
        session: Session | None = self.environment.session
        if session is None:
            raise StopUser
        return session


class ClosedLoop(EmotionUser):
    """Calls again as soon as it has its answer."""

    abstract = True

    @task
    def ask_again(self) -> None:
        """Makes one call."""
        self.session.call(self.what, due_s=now_s())


class OpenLoop(EmotionUser):
    """Calls at Poisson arrivals, however many calls are under way."""

    abstract = True

    def on_start(self) -> None:
        """Starts the stream; the first call is due after a random wait, as every other."""
        options = self.environment.parsed_options
        self.arrivals = Arrivals(
            rate_per_s=options.arrivals_per_user,
            start_s=now_s(),
            rng=random.Random(),  # noqa: S311
        )
        self.calls = Group()

    @task
    def arrive(self) -> None:
        """Waits for the next arrival, and starts its call."""
        call, due_s = self.session.call, self.arrivals.advance()
        is_over: Event = self.environment.is_over
        if not is_over.wait(max(0.0, due_s - now_s())):
            self.calls.add(gevent.spawn(call, self.what, due_s=due_s))

    def on_stop(self) -> None:
        """Waits for the calls under way, so that the slowest are counted."""
        try:
            self.calls.join()
        finally:
            self.calls.kill()


class TextUser(ClosedLoop):
    """Closed loop, one text a call."""


class BatchUser(ClosedLoop):
    """Closed loop, --batch-rows texts a call."""

    what = "batch"


class RawTextUser(ClosedLoop):
    """Closed loop, one text a call, tokenized by the server."""

    what = "raw text"


class TextArrivals(OpenLoop):
    """Open loop, one text a call."""


class BatchArrivals(OpenLoop):
    """Open loop, --batch-rows texts a call."""

    what = "batch"


class RawTextArrivals(OpenLoop):
    """Open loop, one text a call, tokenized by the server."""

    what = "raw text"
