"""From the netlist that Amaranth makes to Verilog that can be read."""
