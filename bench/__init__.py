"""What it costs, measured beside plain Django (`make bench`), and the long runs (`make proof`)."""
