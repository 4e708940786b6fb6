"""Tests of the local AWS, the build and the tools for deployment."""
