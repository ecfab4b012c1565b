"""Version 1 of the contract: every message and enum value under one name.

`import cedar_voice.v1 as pb` gives `pb.VoiceSessionRequest`, `pb.AUDIO_ENCODING_MP3` and so on;
the service stub is in `cedar_voice.v1.voice_service_pb2_grpc`.
"""

from cedar_voice.v1.audio_pb2 import *
from cedar_voice.v1.conversation_pb2 import *
from cedar_voice.v1.error_pb2 import *
from cedar_voice.v1.session_pb2 import *
from cedar_voice.v1.voice_service_pb2 import *
