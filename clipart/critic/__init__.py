"""What scores a canvas: CLIPs, the views they get, the objective, and the judge."""
