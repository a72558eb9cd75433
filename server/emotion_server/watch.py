"""Watches a running Triton and tells a dead one from a busy one."""

from __future__ import annotations

import time
from collections.abc import Callable

from emotion_client.errors import DeadlineExceeded, EmotionError, Overloaded
from tritonclient.grpc import InferenceServerClient

from emotion_server.counters import count_executions
from emotion_server.probe import check
from emotion_server.triton_server import TritonServer

MODELS = ("emotion_info", "emotion_tokenizer", "emotion")
WATCH_INTERVAL_S = 3.0
WATCH_TIMEOUT_S = 5.0
MAX_FAILURES = 3


def watch(
    server: TritonServer,
    *,
    complain: Callable[[str], None],
    check_interruption: Callable[[], None],
) -> None:
    """Asks for a real answer every few seconds; returns when the server is dead.

    Args:
        server: a running one; a dead model marks it as broken.
        complain: gets a sentence on each failure.
        check_interruption: called before each probe; raises KeyboardInterrupt after a Ctrl-C or
            SIGTERM that Python discarded.
    """
    num_failures = 0
    num_executions = dict.fromkeys(MODELS, 0)
    with InferenceServerClient(server.address.url) as connection:
        while True:
            time.sleep(WATCH_INTERVAL_S)
            check_interruption()
            if not server.is_running():
                complain(f"Triton died: {server.describe_exit()}")
                return
            counts = {model: count_executions(connection, model=model) for model in MODELS}
            is_busy = all(counts[model] > num_executions[model] for model in MODELS)
            num_executions = {model: max(num_executions[model], counts[model]) for model in MODELS}
            error = probe(connection, url=server.address.url, is_busy=is_busy)
            num_failures = num_failures + 1 if error else 0
            if error:
                complain(f"no answer ({num_failures} of {MAX_FAILURES}): {error}")
            if num_failures == MAX_FAILURES:
                complain("the models are dead; stopping Triton")
                server.mark_broken()
                return


def probe(connection: InferenceServerClient, *, url: str, is_busy: bool) -> EmotionError | None:
    """Asks for a real answer; returns the error, if any.

    An overloaded server refuses the probe as it refuses other calls. As long as each of its
    models has computed batches since the last probe, it is busy, not dead. (The probe itself is
    work for the models in front of the overloaded one.)
    """
    try:
        check(connection, url=url, timeout_s=WATCH_TIMEOUT_S)
    except (Overloaded, DeadlineExceeded) as error:
        return None if is_busy else error
    except EmotionError as error:
        return error
    return None
