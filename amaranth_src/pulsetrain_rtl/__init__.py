"""The pulsetrain controller in Amaranth: a file per block, joined in ``controller``. Contract: ``docs/specification.md``."""
