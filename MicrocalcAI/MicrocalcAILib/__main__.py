"""``python -m MicrocalcAILib`` is the same as the console command ``microcalc``."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
