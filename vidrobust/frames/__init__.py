"""Pictures: batches of frames, tensors of pixels, and the device on which they lie."""
