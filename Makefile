# The only entry. `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help run test test-faults check bench seal proto

# Tells what each target does.
help:
	@awk '/^# /{text=substr($$0,3)} /^[a-z-]+:/{split($$1,n,":"); printf "  make %-12s %s\n", n[1], text}' Makefile

# Builds, starts all services on a fresh embedded store, replays 500 real requests, shows the sums, keeps serving.
run:
	@bash tests/scripts/run.sh

# Everything: unit, property, store, rpc, end-to-end and short fault tests on SQLite and PostgreSQL, and a Python client.
test:
	@bash tests/scripts/test.sh

# The long form of the fault tests: twenty kills of each kind.
test-faults:
	@bash tests/scripts/faults.sh

# Formatting, lints and the contract's lint.
check:
	@bash tests/scripts/check.sh

# Figures, one JSON line a measure, against pgbench in the same run. `make bench FORM=quick` for daily work.
bench:
	@bash tests/scripts/bench.sh $(FORM)

# Writes the checksums of new migrations; a merged migration is never edited.
seal:
	@bash tests/scripts/seal.sh

# Writes shared/api from proto/. Needs no protoc; a test fails when the result is not committed.
proto:
	cargo run -q -p chit-codegen
