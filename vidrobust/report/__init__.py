"""Tables become figures and one HTML file. No torch here."""
