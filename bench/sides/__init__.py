"""What is measured, each in a process of its own: ``prepare(*arguments)`` is not timed, what it returns is called and timed."""
