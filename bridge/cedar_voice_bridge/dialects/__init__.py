"""Pure translators, one file per dialect: browser frames to protobuf and back."""
