"""What stands at the crossbar and DAC pins."""
