"""Values as TensorBoard's messages."""
