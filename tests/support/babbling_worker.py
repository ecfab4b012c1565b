"""A child process that answers every request with meaningless data."""

from cedar_voice_service.workers.frames import serve

if __name__ == "__main__":
    serve(lambda _kind, _body: b"r{]")
