"""What a trained model looks at and what it answers: numbers, and the maps and small pictures that figures need."""
