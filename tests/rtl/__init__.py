"""Tests of rtl."""
