"""The pulsetrain controller in Amaranth: a file per block, joined in ``controller``. See docs/specification.md."""
