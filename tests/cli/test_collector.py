from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from emotionthinker.cli.collector import collector_at_rest


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was_found_even_after_an_error(enabled: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(RuntimeError, match="at rest: True"):
            _fail_inside()
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_a_command_leaves_nothing_to_search_at_its_end() -> None:
    code = (
        "import atexit, gc, sys\n"
        "from emotionthinker.cli import main\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 1000))\n"
        "sys.argv = ['emotionthinker', '--version']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True"


def _fail_inside() -> None:
    with collector_at_rest():
        raise RuntimeError(f"at rest: {not gc.isenabled()}")
