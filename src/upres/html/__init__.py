"""What html documents share: charts and embedded pictures."""
