"""What the curves of runs say: measures of one curve, statistics over seeds, and the study's claims judged by both."""
