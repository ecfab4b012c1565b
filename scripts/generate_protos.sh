#!/usr/bin/env bash
# Generate the Python code of the contract, with types, in the folder given as argument.
set -euo pipefail

out=$1
sources=(protos/cedar_voice/v1/*.proto)
service=protos/cedar_voice/v1/voice_service.proto
protoc=(.venv/bin/python -m grpc_tools.protoc --proto_path=protos
	--plugin=protoc-gen-mypy=.venv/bin/protoc-gen-mypy
	--plugin=protoc-gen-mypy_grpc=.venv/bin/protoc-gen-mypy_grpc)

mkdir -p "$out"
"${protoc[@]}" --python_out="$out" --mypy_out=quiet:"$out" "${sources[@]}"
"${protoc[@]}" --grpc_python_out="$out" --mypy_grpc_out=quiet:"$out" "$service"
