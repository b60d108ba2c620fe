"""What all testbenches share: builds, clock and streams, coverage, stimuli, the array's pins followed."""
