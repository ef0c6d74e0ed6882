"""`make load`: a class does the lab, predictions beside training, and a backlog with one and with two workers."""
