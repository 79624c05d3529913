"""What a network says beside its answer: logits, features before its head, gradients."""
