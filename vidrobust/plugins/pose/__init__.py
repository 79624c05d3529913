"""Key points: how steady the joints of people and of parts are along video."""
