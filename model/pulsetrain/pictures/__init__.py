"""The look of all figures: colours, panels, ticks, and PNG files of them."""
