"""From rows to notices: decisions of the notifier."""
