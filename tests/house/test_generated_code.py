"""The committed Python of the contract matches its .proto files."""

import importlib
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

import cedar_voice.v1 as pb
from tests.support.checkout import ROOT

FOLDER = ROOT / "protos" / "cedar_voice" / "v1"
NAMES = sorted(path.stem for path in FOLDER.glob("*.proto"))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FileDescriptorProto]:
    """Return the descriptors of the .proto files in the checkout, by file stem."""
    out = tmp_path_factory.mktemp("descriptors") / "set.binpb"
    sources = [str(path) for path in FOLDER.glob("*.proto")]
    assert protoc.main(["", f"-I{ROOT / 'protos'}", f"--descriptor_set_out={out}", *sources]) == 0
    found = FileDescriptorSet.FromString(out.read_bytes())
    return {Path(file.name).stem: file for file in found.file}


def without_json_names(file: FileDescriptorProto) -> FileDescriptorProto:
    """Remove the JSON names, which the compiler states and generated code derives."""
    for message in file.message_type:
        for field in message.field:
            field.ClearField("json_name")
    return file


@pytest.mark.parametrize("name", NAMES)
def test_descriptor_is_current(name: str, compiled: dict[str, FileDescriptorProto]) -> None:
    generated = importlib.import_module(f"cedar_voice.v1.{name}_pb2")
    ours = FileDescriptorProto.FromString(generated.DESCRIPTOR.serialized_pb)
    assert without_json_names(ours) == without_json_names(compiled[name])


def test_no_generated_file_outlives_its_source() -> None:
    generated = {path.name.partition("_pb2")[0] for path in FOLDER.glob("*_pb2*")}
    assert generated == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_message_is_under_one_name(
    name: str, compiled: dict[str, FileDescriptorProto]
) -> None:
    file = compiled[name]
    names = [kind.name for kind in file.message_type] + [kind.name for kind in file.enum_type]
    assert [name for name in names if not hasattr(pb, name)] == []
