"""A session against a fake server; its calls are tested on a real one."""

import gc
import weakref

from emotion_loadtest.session import Session


def test_closed_session_is_freed_at_once(start_server, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("la la\n")
    session = Session(
        start_server().url,
        texts=str(texts),
        seed=1,
        timeout_s=5.0,
        batch_rows=2,
        fire=lambda **_: None,
    )
    freed = weakref.ref(session)
    gc.disable()  # only reference counts count: see `Session.asks`
    try:
        session.close()
        del session
        assert freed() is None
    finally:
        gc.enable()
