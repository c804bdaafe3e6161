# make test    everything, with a real pcscd, virtual readers, SoftHSM and foreign programs
#              where they can be had; a sample of the matrix, the seeds of the fuzz targets
# make race    what needs no other program, with the race detector, in short forms
# make lint    golangci-lint, built by the go command
# make matrix  every job, in every channel, with every fault in every exchange; purses
#              in random worlds, honest and hostile; every bit of recorded commands,
#              altered; every exchange of making three cards, torn (minutes)
# make soak    a million debits from a thousand cards; a program that debits, killed
#              again and again; a thousand cards made from a table; a page that follows
#              traffic for ten minutes; 10,000 exchanges with a PN532 on a faulty line (minutes)
# make fleet   a centre, gates and cards as processes, killed, cut off, filled up and without
#              power while orders run; orders on links that lose and double (minutes)
# make bench   one table of what the reader costs (minutes); docs/performance.md
# make fuzz    fresh random sequences, and each fuzz target for FUZZTIME
# make fuzzcover  which statements fuzzing reaches, by package: from the inputs in the code,
#              fuzzed from them, with the committed inputs, and fuzzed from those
# make cover   which statements the tests reach, by package
# make cross   builds for other systems, without cgo
# make dist    archives, packages, SBOMs and sums of the commit, in dist/ (minutes)
# .ci/run      what must hold before a change is accepted

GO       ?= go
FUZZTIME ?= 30s
VERBOSE  ?=
PACKAGES ?= ./...
GOLANGCI = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2
TESTS    = $(GO) test -count=1 -timeout 20m $(VERBOSE)
SINGLE   = ^Test(Live.*|EveryStepCanFail|FlagErrors|TextFlagErrors|OtherWords|NamesInOutputs|FitsTerminal|Guide|HostileEverywhere|ThreatGuessedPassword|ThreatStolenPassword|ReaderReplaysForeignSessions|Meddling|AnswersOfWrongShape|TurnedBits|Pages|HugePage|Trials|EffortIsBounded|NoAlteredCommandVerifies|VerifyGeneratedSessions|EveryFlippedBitIsCaught|CanRefuse|EveryCommandHasStatuses|WalksSurviveAnyLength|ReconcileForgedReports|RandomReconcile|ReadmeTour)$$
SYSTEMS  = linux/amd64 linux/arm64 linux/arm windows/amd64 darwin/arm64

.PHONY: all test vet race soak fleet bench matrix fuzz fuzzcover cover cross dist lint deps

all: test

test: vet
	@.ci/deps --try
	$(TESTS) $(PACKAGES)

vet:
	$(GO) vet $(PACKAGES)

# Not here: pcscd, foreign programs and browsers, which make test runs once; the matrix, passwords, and what does
# one thing at a time and much of it: flags, words and widths of the tool, recordings, altered answers, reports.
race:
	CGO_ENABLED=1 GORACE=atexit_sleep_ms=0 $(TESTS) -race -short -skip '$(SINGLE)' \
		$$($(GO) list $(PACKAGES) | grep -vE '/(e2e|e2e/.*|internal/pcsctest|internal/matrix|internal/purseproof|internal/dist)$$')

bench:
	@cd internal/bench && DESFIRE_WHOLE=1 $(TESTS) -run '^TestTable$$'

matrix:
	DESFIRE_WHOLE=1 $(TESTS) -timeout 60m ./internal/matrix ./internal/purseproof
	DESFIRE_WHOLE=1 $(TESTS) -timeout 60m -run TestNoAlteredCommandVerifies ./trace
	DESFIRE_WHOLE=1 $(TESTS) -timeout 60m -run '^Test(Whole|SavedPlanWhole)' ./perso

soak:
	DESFIRE_SOAK=1 $(GO) test -count=1 -v -timeout 60m -run '^TestSoak|Lifted$$|^TestTorn$$' ./internal/purseproof ./perso/batch ./e2e/browser

fleet:
	DESFIRE_SOAK=1 $(GO) test -count=1 -v -timeout 60m ./e2e/fleet
	DESFIRE_SOAK=1 $(GO) test -count=1 -v -timeout 60m -run '^TestReturnsAfterAnHour$$' ./remote/ledger

fuzz:
	DESFIRE_FRESH=1 $(GO) test -count=1 -run TestBeliefAgreesWithTruth -rapid.checks 3000 .
	@set -e; grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u | while read -r dir; do \
		for target in $$($(GO) test -list '^Fuzz' $$dir | grep '^Fuzz'); do \
			echo "== $$dir $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzzminimizetime 10x -fuzztime $(FUZZTIME) $$dir; \
		done; \
	done

fuzzcover:
	FUZZTIME=$(or $(filter-out 30s,$(FUZZTIME)),60s) .ci/fuzzcover

cover:
	.ci/cover

cross:
	@set -e; for system in $(SYSTEMS); do \
		echo "== $$system"; \
		CGO_ENABLED=0 GOOS=$${system%/*} GOARCH=$${system#*/} $(GO) build -o /dev/null $(PACKAGES); \
	done
	GOOS=windows GOARCH=amd64 CGO_ENABLED=0 $(GO) vet $(PACKAGES)
	GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 $(GO) vet $(PACKAGES)

dist:
	rm -rf dist
	$(GO) run ./internal/dist/make -out dist

lint:
	$(GO) run $(GOLANGCI) run $(PACKAGES)

deps:
	@.ci/deps
