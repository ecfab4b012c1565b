"""The embedded language model: rules that turn sentences into replies and tool calls."""
