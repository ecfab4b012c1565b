"""Numbers of the service's enumerations in the contract, which has the same names, prefixed."""

import cedar_voice.v1 as pb
from cedar_voice_service.audio.formats import Encoding
from cedar_voice_service.errors import Stage

STAGE_TO_PB = {stage: pb.PipelineStage.Value(f"PIPELINE_STAGE_{stage.name}") for stage in Stage}
ENCODING_TO_PB = {
    encoding: pb.AudioEncoding.Value(f"AUDIO_ENCODING_{encoding.name}")
    for encoding in Encoding
    if encoding is not Encoding.AUTO
} | {Encoding.AUTO: pb.AUDIO_ENCODING_UNSPECIFIED}
