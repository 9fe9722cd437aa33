"""SummaryWriter: writes events into a folder, for TensorBoard to show."""
