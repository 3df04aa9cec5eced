.PHONY: proto

# Writes shared/api from proto/. Needs no protoc; a test fails when the result is not committed.
proto:
	cargo run -q -p chit-codegen
