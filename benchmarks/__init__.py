"""Benchmarks: the project beside the usual alternative, run by ``make bench``.

Each bench is a module with a function ``measure``, named in ``__main__.BENCHES``. It takes a ``Bench`` and gives
``Figure`` after ``Figure``. What is ours and what is theirs are measured in turns, in one run: an absolute figure says
little about another machine, or about the same one an hour later, so none is told without its ratio.
"""
