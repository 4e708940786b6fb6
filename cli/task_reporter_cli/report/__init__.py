"""The report: the history as one self-contained HTML page.

``page.render_page`` is all that others call. From rows to page: ``tasks`` reads a row, ``statistics`` and ``places``
count as the rows go by, ``summary`` says what there is to show, ``charts`` draws it, ``page`` fills the template.
"""
