"""Line resistance of a crossbar: fast sums, an exact solution, and the plain reference. Specification, section 18."""
