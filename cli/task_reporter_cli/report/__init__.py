"""The report: the history as one HTML page that needs nothing but itself, to be attached to a mail.

``page.page`` is all that others call. From rows to page: ``tasks`` reads a row, ``gathering`` counts as the rows go by,
``summary`` says what there is to show, ``charts`` draws it, ``page`` fills the template.
"""
