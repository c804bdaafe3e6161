package desfire_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// An error says what it is about, in the name of the method that was called.
func TestErrorsSayWhatAbout(t *testing.T) {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV3})
	if err != nil {
		t.Fatal(err)
	}
	card := connect(t, picc)
	rights := wire.AccessRights{Read: 1, Write: 2, ReadWrite: 3}
	for _, err := range []error{
		card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 4)}),
		card.SelectApplication(ctx, testApp),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, Option: wire.OptionFull, Access: rights, Size: 100}),
		card.CreateFile(ctx, &wire.CreateLinearRecordFile{File: 2, Access: rights, RecordSize: 50, MaxRecords: 2}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	in := " in application " + testApp.String()
	for _, tc := range []struct {
		do   func() error
		text string
		on   string
	}{
		{func() error { _, err := card.FileSettings(ctx, 9); return err }, "GetFileSettings of file 9" + in + ": FILE_NOT_FOUND", "file 9"},
		{func() error { _, err := card.ReadData(ctx, 1, 0, 100); return err }, "ReadData of file 1" + in, "file 1"},
		{func() error { _, err := card.ReadData(ctx, 8, 0, 3); return err }, "ReadData of file 8" + in, "file 8"},
		{func() error { _, err := card.ReadRecords(ctx, 2, 0, 2); return err }, "ReadRecords of file 2" + in, "file 2"},
		{func() error { return card.DeleteFile(ctx, 7) }, "DeleteFile of file 7" + in, "file 7"},
		{func() error { return card.SelectApplication(ctx, 0x99) }, "SelectApplication of application 000099: APPLICATION_NOT_FOUND", "application 000099"},
		{func() error { return card.DeleteApplication(ctx, 0x99) }, "DeleteApplication of application 000099", "application 000099"},
		{func() error {
			return card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)})
		},
			"CreateApplication of application " + testApp.String(), "application " + testApp.String()},
		{func() error { _, err := card.KeyVersion(ctx, 9); return err }, "GetKeyVersion" + in, ""},
	} {
		if err := card.SelectApplication(ctx, testApp); err != nil {
			t.Fatal(err)
		}
		err := tc.do()
		refused := desfire.Refusal(err)
		if refused == nil || refused.On != tc.on || !strings.HasPrefix(err.Error(), "desfire: "+tc.text) || strings.Contains(err.Error(), "ISO:") || strings.HasSuffix(refused.Command, "ISO") {
			t.Errorf("%v, want %s", err, tc.text)
		}
	}
}

// Observers see the command that went, callers the one they called, and what is
// about another command keeps its name.
func TestErrorsKeepNames(t *testing.T) {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV3})
	if err != nil {
		t.Fatal(err)
	}
	var told []error
	card, err := desfire.Connect(ctx, picc.Present(), &desfire.Config{Observe: func(x *desfire.Exchange) {
		if x.Err != nil {
			told = append(told, x.Err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 4)}),
		card.SelectApplication(ctx, testApp),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, Access: wire.AccessRights{}, Size: 100}),
	); err != nil {
		t.Fatal(err)
	}
	_, err = card.ReadData(ctx, 1, 0, 100)
	if len(told) != 1 || !strings.Contains(told[0].Error(), "ReadDataISO of file 1") || !strings.Contains(fmt.Sprint(err), "ReadData of file 1") {
		t.Errorf("told %v, returned %v", told, err)
	}
	if err := errors.Join(card.SelectApplication(ctx, testApp), card.Authenticate(ctx, 1, key.Zero(key.TypeAES))); err != nil {
		t.Fatal(err)
	}
	_, err = card.ReadData(ctx, 9, 0, 100) // the session asks for the settings first
	if !strings.Contains(fmt.Sprint(err), "GetFileSettings of file 9") {
		t.Errorf("%v", err)
	}
	picc.Lift()
	_, err = card.ReadData(ctx, 1, 0, 100)
	var link *desfire.TransportError
	if err == nil || errors.As(err, &link) && strings.HasSuffix(link.Command, "ISO") || strings.Contains(err.Error(), "ISO") {
		t.Errorf("%v", err)
	}
}

// Refusal is what a card that is there answered.
func TestRefusal(t *testing.T) {
	no := &desfire.CommandError{Command: "Debit", Status: wire.StatusBoundaryError}
	for _, tc := range []struct {
		err  error
		want *desfire.CommandError
	}{
		{no, no},
		{fmt.Errorf("file 1: %w", no), no},
		{nil, nil},
		{errors.New("else"), nil},
		{&desfire.IntegrityError{Command: "Debit", Err: no}, nil},
		{&desfire.OutcomeUnknownError{Command: "CommitTransaction", Err: no}, nil},
		{errors.Join(no, &desfire.TransportError{Command: "reconnect"}), nil},
		{&desfire.UnsupportedError{}, nil},
	} {
		if got := desfire.Refusal(tc.err); got != tc.want {
			t.Errorf("%v: %v", tc.err, got)
		}
	}
}

// A program that makes files, changes their settings and goes on in a session
// needs nothing said that this Card has seen.
func TestNaturalProgram(t *testing.T) {
	ctx := context.Background()
	zero := key.Zero(key.TypeAES)
	rights := wire.AccessRights{Read: 1, Write: 2, ReadWrite: 3}
	for _, g := range []wire.Generation{wire.EV1, wire.EV2, wire.EV3} {
		picc, err := sim.New(&sim.Config{Generation: g})
		if err != nil {
			t.Fatal(err)
		}
		card := connect(t, picc)
		for i, err := range []error{
			card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 4)}),
			card.Select(ctx, desfire.Place{AID: testApp}),
			card.Authenticate(ctx, 0, zero),
			card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, Access: rights, Size: 16}),
			card.CreateFile(ctx, &wire.CreateValueFile{File: 2, Access: rights, Upper: 9}),
			card.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: 1, Option: wire.OptionFull, Access: rights}),
			card.Authenticate(ctx, 2, zero),
			card.WriteData(ctx, 1, 0, []byte("hello")),
		} {
			if err != nil {
				t.Fatalf("%v: step %d: %v", g, i, err)
			}
		}
	}
}

// What is no creation of a file cannot be handed to CreateFile.
func TestCreateFileTakesCreations(t *testing.T) {
	for _, cmd := range []wire.Command{&wire.FormatPICC{}, &wire.DeleteFile{}, &wire.CreateApplication{}, &wire.ChangeFileSettings{}, &wire.CommitTransaction{}} {
		if _, ok := cmd.(wire.FileCreation); ok {
			t.Errorf("%s counts as the creation of a file", cmd.Spec().Name)
		}
	}
}

// unprotected reports whether an error is a ProtectionError about something.
func unprotected(err error, what desfire.Unprotected) bool {
	var e *desfire.ProtectionError
	return errors.As(err, &e) && e.Kind == what
}

// Data for an enciphered file do not go out without a session.
func TestClearDataIsNamed(t *testing.T) {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	card := connect(t, picc)
	if err := errors.Join(
		card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 4)}),
		card.SelectApplication(ctx, testApp),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, Option: wire.OptionFull, Access: wire.AccessRights{Write: 2}, Size: 100}),
	); err != nil {
		t.Fatal(err)
	}
	err = card.WriteData(ctx, 1, 0, []byte("secret"))
	if !unprotected(err, desfire.ClearData) || !strings.Contains(err.Error(), "WriteData was not sent") {
		t.Errorf("%v", err)
	}
}
