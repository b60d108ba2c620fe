"""The pulsetrain controller in Amaranth: one file per block, joined in ``controller``. Contract: ``docs/specification.md``."""
