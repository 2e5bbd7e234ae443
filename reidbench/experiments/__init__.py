"""From a cell to its number: training, embedding and scoring, timing of whole jobs."""
