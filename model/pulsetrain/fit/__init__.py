"""From measurements to a device: pulses, tables of ΔG and relaxation series, fitted and simulated back."""
