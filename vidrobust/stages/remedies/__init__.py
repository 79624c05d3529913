"""What makes the model steadier on this footage, by how much and at what price."""
