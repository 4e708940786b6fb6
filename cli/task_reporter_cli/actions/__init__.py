"""The actions behind commands, without their arguments and output."""
