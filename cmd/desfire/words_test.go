package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// What the library tells programmers to call reaches nobody at a command line,
// and the exit code says whether to look at the card first.
func TestErrorsInWordsOfTheTool(t *testing.T) {
	gone := &desfire.TransportError{Command: "CommitTransaction", Err: io.EOF}
	for _, tc := range []struct {
		err  error
		want string
		code int
	}{
		{&desfire.FileSettingsError{File: 3, Err: wire.StatusPermissionDenied}, "--auth 0", 5},
		{&desfire.ProtectionError{Command: "WriteData", Kind: desfire.ClearData, Reason: "file 4 is enciphered: authenticate, or say AllowSecretsInClear"}, "--key and --auth", 5},
		{&desfire.ProtectionError{Command: "ChangeKey", Kind: desfire.ClearKey, Reason: "it carries a key, which would go out in clear: authenticate first, or say AllowSecretsInClear"}, "--key", 5},
		{&desfire.SessionLostError{Command: "GetValue", Why: "the card ended it"}, "since the card ended it; run the command again", 3},
		{&desfire.BrokenError{Command: "Debit", Why: "Credit broke off"}, "look at the card", 3},
		{&desfire.NoRightError{Command: "Debit", File: 1, Key: 2}, "key 2 has no right", 5},
		{&desfire.WeakMethodError{Method: key.MethodD40, Weakest: key.MethodAES}, "the weakest method accepted is AES", 6},
		{&desfire.OutcomeUnknownError{Command: "CommitTransaction", Err: gone}, "may or may not have happened", 7},
		{&desfire.PartialWriteError{File: 1, Written: 9, Err: gone}, "only the first 9 bytes", 7},
		{gone, "no answer from the card", 3},
	} {
		for _, err := range []error{tc.err, fmt.Errorf("file 1: %w", tc.err), errors.Join(tc.err, io.ErrNoProgress)} {
			var out bytes.Buffer
			a := newApp(nil, io.Discard, &out)
			code := a.report(context.Background(), err)
			if code != tc.code || !strings.Contains(out.String(), tc.want) {
				t.Errorf("%T: code %d, %s", tc.err, code, out.String())
			}
			for _, method := range []string{"AssumeFileSettings", "AllowPlain", "AllowSecretsInClear", "settle"} {
				if strings.Contains(out.String(), method) {
					t.Errorf("%T: %s", tc.err, out.String())
				}
			}
		}
	}
}
