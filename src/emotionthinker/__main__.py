"""`python -m emotionthinker`."""

from emotionthinker.cli import main

main()
