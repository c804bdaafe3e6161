package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// tool runs the tool and returns its exit code and what it wrote.
func tool(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

const tmacKey = "00112233445566778899AABBCCDDEEFF"

// recordTMAC records a session of three transactions on a card with a
// transaction MAC file, the second aborted. The reports are what the library
// made of it at the same time.
func recordTMAC(t *testing.T, ask, showSettings bool) (name string, reports []*tmac.Transaction) {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	picc, err := sim.New(&sim.Config{Generation: wire.EV3, UID: []byte{4, 0x78, 0x2E, 0x21, 0x80, 0x1D, 0x80}})
	must(err)
	tm, err := key.Parse("aes:" + tmacKey)
	must(err)
	zero := key.Zero(key.TypeAES)
	setUp, err := desfire.Connect(ctx, picc.Present(), nil)
	must(err)
	access := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
	for _, cmd := range []wire.Request[*wire.Empty]{
		&wire.CreateApplication{AID: 0x123456, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 3)},
		&wire.SelectApplication{AID: 0x123456},
		&wire.CreateStdDataFile{File: 1, Option: wire.OptionFull, Access: access, Size: 300},
		&wire.CreateLinearRecordFile{File: 2, Option: wire.OptionMAC, Access: access, RecordSize: 20, MaxRecords: 9},
		&wire.CreateValueFile{File: 3, Option: wire.OptionFull, Access: access, Upper: 1000, Value: 500},
	} {
		_, err := desfire.Do(ctx, setUp, cmd)
		must(err)
	}
	must(setUp.Authenticate(ctx, 0, zero))
	must(setUp.CreateFile(ctx, &wire.CreateTransactionMACFile{
		File: 15, KeyOption: wire.TMKeyAES, Key: wire.NewSecret(tm.Export()),
		Access: wire.AccessRights{Read: 1, Write: wire.Never, ReadWrite: 2, Change: 0},
	}))
	var settings [4]*wire.FileSettings
	for i, no := range []desfire.FileNo{1, 2, 3, 15} {
		settings[i], err = setUp.FileSettings(ctx, no)
		must(err)
	}

	recorder := trace.NewRecorder(nil)
	collect := &desfire.TMACRecorder{OnCommit: func(t *tmac.Transaction) { reports = append(reports, t) }}
	card, err := desfire.Connect(ctx, recorder.Wrap(picc.Present()), &desfire.Config{Observe: collect.Observe})
	must(err)
	must(card.SelectApplication(ctx, 0x123456))
	for i, no := range []desfire.FileNo{1, 2, 3, 15} {
		card.AssumeFileSettings(no, *settings[i])
		collect.SetFileSettings(no, *settings[i])
		if showSettings {
			_, err := card.FileSettings(ctx, no)
			must(err)
		}
	}
	for n := range byte(3) {
		must(card.Authenticate(ctx, 1, zero))
		must(card.WriteData(ctx, 1, 0, bytes.Repeat([]byte{n}, 270)))
		must(card.Debit(ctx, 3, 5))
		must(card.WriteRecord(ctx, 2, 0, []byte{n, 2, 3}))
		if n > 0 {
			_, err := card.ReadRecords(ctx, 2, 0, 0)
			must(err)
		}
		if n == 1 {
			must(card.Abort(ctx))
			continue
		}
		must(card.AuthenticateWith(ctx, key.MethodEV2NonFirst, 2, zero))
		_, err := card.CommitReaderID(ctx, [16]byte{0xAB, n})
		must(err)
		_, err = desfire.Do(ctx, card, &wire.CommitTransaction{ReturnTMAC: ask})
		must(err)
		must(card.Authenticate(ctx, 1, zero))
		_, err = card.ReadReceipt(ctx, 15)
		must(err)
	}
	name = filepath.Join(t.TempDir(), "session.json")
	must(recorder.WriteFile(name))
	return name, reports
}

// A recorded session, deciphered with its keys, gives what the library reported
// and what the card's MAC was made of.
func TestTMACVerifySession(t *testing.T) {
	name, reports := recordTMAC(t, true, true)
	code, out, errs := tool("tmac", "verify", "--tmac-key", "aes:"+tmacKey, "--session", name, "--default-keys", "--json")
	if code != 0 {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 || len(reports) != 2 {
		t.Fatalf("%d transactions, %d reported:\n%s", len(lines), len(reports), out)
	}
	for i, line := range lines {
		var got struct {
			UID, Input string
			Reader     string `json:"reader_id"`
			Previous   string `json:"previous_reader_id"`
			TMC        uint32
			Verified   bool
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		want := reports[i]
		previous := strings.Repeat("00", 16)
		if i > 0 {
			previous = fmt.Sprintf("%X", reports[i-1].ReaderID[:])
		}
		if !got.Verified || got.TMC != uint32(i+1) || got.UID != "04782E21801D80" || got.Input != fmt.Sprintf("%X", want.Input) ||
			got.Reader != fmt.Sprintf("%X", want.ReaderID[:]) || got.Previous != previous {
			t.Errorf("%s\nreported %+v", line, want)
		}
	}
	for _, text := range []string{out, errs} {
		if strings.Contains(text, tmacKey) {
			t.Error("the key is shown")
		}
	}

	code, out, errs = tool("tmac", "verify", "--tmac-key", "aes:"+tmacKey, "--session", name, "--default-keys")
	if code != 0 || !strings.Contains(out, "transaction 2: verified") || !strings.Contains(out, "previous reader AB00000000") {
		t.Errorf("%s%s", out, errs)
	}
	code, out, errs = tool("tmac", "verify", "--tmac-key", "aes:00000000000000000000000000000000", "--session", name, "--default-keys")
	if code != 6 || !strings.Contains(errs, "2 of 2 transactions did not verify") {
		t.Errorf("another key: %d, %s%s", code, out, errs)
	}
	// Without the keys of the session its input cannot be found.
	code, out, errs = tool("tmac", "verify", "--tmac-key", "aes:"+tmacKey, "--session", name, "--uid", "04782E21801D80", "--json")
	if code != 9 || strings.Contains(out, `"verified":true`) {
		t.Errorf("not deciphered: %d, %s%s", code, out, errs)
	}
}

// A terminal that knows the settings of files and reads the receipt from the
// file: what the recording does not show, flags tell.
func TestTMACVerifySparseSession(t *testing.T) {
	name, reports := recordTMAC(t, false, false)
	base := []string{"tmac", "verify", "--tmac-key", "aes:" + tmacKey, "--session", name, "--default-keys", "--json"}
	if code, out, _ := tool(base...); code != 9 || strings.Contains(out, `"verified":true`) {
		t.Errorf("without settings: %d, %s", code, out)
	}
	args := append(base, "--tmac-file", "15", "--record-size", "2=20")
	code, out, errs := tool(args...)
	if code != 0 || strings.Count(out, `"verified":true`) != 2 {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	want := `"input":"` + fmt.Sprintf("%X", reports[1].Input) + `"`
	if !strings.Contains(out, want) {
		t.Errorf("%s\nwant %s", out, want)
	}
}

// The same report, command by command.
func TestTMACVerifyCommands(t *testing.T) {
	_, reports := recordTMAC(t, true, true)
	first := reports[0]
	receipt := first.Receipt
	code, out, errs := tool("tmac", "verify", "--tmac-key", "aes:"+tmacKey, "--uid", "04782E21801D80",
		"--tmc", fmt.Sprint(receipt.TMC), "--tmv", fmt.Sprintf("%X", receipt.TMV),
		// as the library cut the write
		"8D01000000EF0000"+strings.Repeat("00", 239), "8D01EF00001F0000"+strings.Repeat("00", 31),
		"DC0305000000", "3B02000000030000000203", "C8AB00"+strings.Repeat("00", 14)+"="+fmt.Sprintf("%X", first.EncTMRI[:]))
	if code != 0 || !strings.Contains(out, "previous reader "+strings.Repeat("00", 16)) {
		t.Errorf("%d: %s%s\nreported %X", code, out, errs, first.Input)
	}
}
