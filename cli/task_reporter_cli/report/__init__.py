"""The report: the history as one self-contained HTML page.

``page.page`` is all that others call. From rows to page: ``tasks`` reads a row, ``gathering`` counts as the rows go by,
``summary`` says what there is to show, ``charts`` draws it, ``page`` fills the template.
"""
