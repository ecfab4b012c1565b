"""The Python enums are those of the contract."""

import pytest
from google.protobuf.descriptor import EnumDescriptor

import cedar_voice.v1 as pb
from cedar_voice_client import enums
from cedar_voice_client.enums import AudioEncoding, WireEnum
from tests.support.contract import contract_enums

CONTRACT = contract_enums()


def of(descriptor: EnumDescriptor) -> type[WireEnum]:
    found: type[WireEnum] = getattr(enums, descriptor.name)
    return found


@pytest.mark.parametrize("descriptor", CONTRACT, ids=lambda descriptor: descriptor.name)
def test_names_and_numbers_agree(descriptor: EnumDescriptor) -> None:
    prefix = "".join(f"_{c}" if c.isupper() else c for c in descriptor.name).upper()[1:] + "_"
    contract = {value.name.removeprefix(prefix): value.number for value in descriptor.values}
    assert {member.name: member.value for member in of(descriptor)} == contract


def test_every_enum_is_in_the_contract() -> None:
    ours = {kind.__name__ for kind in WireEnum.__subclasses__()}
    assert ours == {descriptor.name for descriptor in CONTRACT}


def test_an_unknown_number_is_unspecified() -> None:
    assert AudioEncoding(4_711) is AudioEncoding.UNSPECIFIED
    assert AudioEncoding(pb.AUDIO_ENCODING_MP3) is AudioEncoding.MP3
    with pytest.raises(ValueError, match="AudioEncoding"):
        AudioEncoding("MP3")
