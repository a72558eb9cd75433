"""The users.

A user of a closed loop calls again when it has its answer; one of an open loop stands for calls
that come whether or not earlier ones were answered, so that a server that stalls cannot hide.
"""

from __future__ import annotations

import random

import gevent
from gevent.event import Event
from gevent.pool import Group
from locust import User, constant, task

from traffic.arrivals import Arrivals
from traffic.options import DEFAULT_URL
from traffic.session import Session, now_s


class EmotionUser(User):
    """A user of the classifier; its environment has the `session` of the process."""

    abstract = True
    host = DEFAULT_URL
    wait_time = constant(0)
    what = ""

    @property
    def session(self) -> Session:
        """What the users of this process share."""
        return self.environment.session  # type: ignore[no-any-return]

    @property
    def num_texts(self) -> int:
        """Texts of one call."""
        return 1

    def ask(self) -> int:
        """Makes one call; returns how many texts were answered."""
        raise NotImplementedError

    def call(self, due_s: float) -> None:
        """Makes one call and records it."""
        self.session.measure(self.what, self.ask, num_texts=self.num_texts, due_s=due_s)


class Text(EmotionUser):
    """Asks for one text a call."""

    abstract = True
    what = "text"

    def ask(self) -> int:
        """Makes one call."""
        return self.session.ask_text()


class Batch(EmotionUser):
    """Asks for many texts a call."""

    abstract = True
    what = "batch"

    def ask(self) -> int:
        """Makes one call."""
        return self.session.ask_batch()

    @property
    def num_texts(self) -> int:
        """Texts of one call."""
        return self.session.batch_rows


class RawText(EmotionUser):
    """Has the server tokenize one text a call."""

    abstract = True
    what = "raw text"

    def ask(self) -> int:
        """Makes one call."""
        return self.session.ask_raw_text()


class ClosedLoop(EmotionUser):
    """Calls again as soon as it has its answer."""

    abstract = True

    @task
    def ask_again(self) -> None:
        """Makes one call."""
        self.call(now_s())


class OpenLoop(EmotionUser):
    """Calls at Poisson arrivals, however many calls are under way."""

    abstract = True

    def on_start(self) -> None:
        """Draws nothing yet: the first call is a random while away, as every other."""
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
        due_s = self.arrivals.advance()
        is_over: Event = self.environment.is_over
        if not is_over.wait(max(0.0, due_s - now_s())):
            self.calls.add(gevent.spawn(self.call, due_s))

    def on_stop(self) -> None:
        """Waits for the calls under way: the slowest are not to be lost."""
        try:
            self.calls.join()
        finally:
            self.calls.kill()


class TextUser(Text, ClosedLoop):
    """Closed loop, one text a call."""


class BatchUser(Batch, ClosedLoop):
    """Closed loop, --batch-rows texts a call."""


class RawTextUser(RawText, ClosedLoop):
    """Closed loop, one text a call, tokenized by the server."""


class TextArrivals(Text, OpenLoop):
    """Open loop, one text a call."""


class BatchArrivals(Batch, OpenLoop):
    """Open loop, --batch-rows texts a call."""


class RawTextArrivals(RawText, OpenLoop):
    """Open loop, one text a call, tokenized by the server."""
