"""Tests of flowclass.apps."""
