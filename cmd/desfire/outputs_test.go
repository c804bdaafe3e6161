package main

import (
	"encoding/json"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/evidence"
	"github.com/go-desfire/desfire/report"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/trace"
)

// outputs are the types of all that is printed with --json, in the order of
// their names.
var outputs = []struct {
	name  string
	what  string
	value any
}{
	{"apdu", "apdu: a frame and its answer", apduResult{}},
	{"application", "app create, delete and info", appResult{}},
	{"auth-check", "auth check", authCheckResult{}},
	{"auth-diagnose", "auth diagnose", diagnosisResult{}},
	{"card", "info and ls: a card and what is on it", inspect.Card{}},
	{"delegated", "delegated prepare, create, info and delete", delegatedResult{}},
	{"demo-event", "demo, while it runs", demoEvent{}},
	{"demo-presented", "demo, the card", demoPresented{}},
	{"demo-summary", "demo, at the end", demoSummary{}},
	{"drain-event", "drain, while it runs", drainEvent{}},
	{"drain-summary", "drain, at the end", drainSummary{}},
	{"dump", "dump -o: what was written", dumpResult{}},
	{"dump-diff", "dump diff: what differs", dumpDiffResult{}},
	{"each", "each", eachResult{}},
	{"error", "whatever failed, after what was printed before", errorObject{}},
	{"evidence-add", "evidence add: what became of a file", evidence.Addition{}},
	{"config", "config show and set", configResult{}},
	{"file", "file create, delete, info, settings and clear", fileResult{}},
	{"format", "format", formatResult{}},
	{"free", "free", freeResult{}},
	{"issue-card", "issue and rotate: what became of a card", issueCard{}},
	{"issue-row", "issue: whose card it will be", issueRow{}},
	{"issue-summary", "issue and rotate, at the end", issueSummary{}},
	{"kdf", "kdf", kdfResult{}},
	{"key-change", "key change", keyChangeResult{}},
	{"key-check", "key check", keyCheckResult{}},
	{"key-find", "key find", keyFindResult{}},
	{"key-journal", "key journal: an entry", journalResult{}},
	{"key-list", "key list: a key", keyListResult{}},
	{"key-new", "key new", keyNewResult{}},
	{"key-set", "key set list, load and roll", keySetResult{}},
	{"key-store", "key store and key forget", keyStoreResult{}},
	{"key-settings", "key settings", settingsResult{}},
	{"key-version", "key version: a key", keyVersionResult{}},
	{"layout-diff", "layout diff: what differs", layoutDiffResult{}},
	{"layout-import", "layout import: a layout of a card", layoutImportResult{}},
	{"layout-lint", "layout lint: what is to be said of a layout", layoutLintResult{}},
	{"layout-plan", "layout plan and apply: what will be done", layoutPlan{}},
	{"layout-result", "layout verify, and layout apply at the end", layoutResult{}},
	{"layout-show", "layout show: a layout in words", layoutShown{}},
	{"ndef", "ndef: what a phone reads", tagInfo{}},
	{"ndef-format", "ndef format --dry-run", ndefFormatResult{}},
	{"originality", "originality", originalityResult{}},
	{"purse-books", "purse reconcile: the books of a card", purseBooks{}},
	{"purse-change", "purse debit, credit, settle and journal: a change", purseReceipt{}},
	{"purse-init", "purse init", purseInitResult{}},
	{"purse-report", "purse journal --report: the journal, for the centre", purseReport{}},
	{"purse-status", "purse status", purseStatusResult{}},
	{"purse-unblock", "purse unblock", purseUnblockResult{}},
	{"read", "read", readResult{}},
	{"reader", "readers: a reader", readerInfo{}},
	{"report", "report: the whole card", report.Report{}},
	{"report-written", "report --out: what was written", reportResult{}},
	{"restore", "restore, at the end", restoreResult{}},
	{"restore-plan", "restore: what will be done", restorePlan{}},
	{"sdm-show", "sdm show and sdm off", sdmShown{}},
	{"sdm-tag", "sdm verify", sdmTag{}},
	{"sdm", "sdm url and sdm provision", sdmResult{}},
	{"selftest-report", "selftest: the report", selftest.Report{}},
	{"selftest-step", "selftest --list: a step", selftest.Info{}},
	{"sim-image", "sim show: the image without keys; dump, dump show: the card as a dump; layout schema: the schema", json.RawMessage{}},
	{"sim-new", "sim new", simNewResult{}},
	{"sim-serve", "sim serve: what happens", serveEvent{}},
	{"tmac", "tmac: a transaction", tmacResult{}},
	{"trace-log", "trace show: the log of another program, before its lines", logResult{}},
	{"trace-skipped", "trace show: a line of a log that was not taken, after its lines", skippedLine{}},
	{"trace-line", "trace show: a command or an answer", shownLine{}},
	{"trace-diagnose", "trace diagnose: a recording", diagnosedFile{}},
	{"trace-verify", "trace verify: a recording", trace.Result{}},
	{"uid", "uid", uidResult{}},
	{"value", "value", valueResult{}},
	{"version", "version", versionResult{}},
	{"watch", "watch: an event", watchEvent{}},
	{"wipe", "wipe", wipeResult{}},
	{"write", "write", writeResult{}},
}
