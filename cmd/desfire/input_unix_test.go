//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A verb that waits for a pipe that nobody writes to, or for a silent standard
// input, ends with its context.
func TestReadsEndWithTheContext(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"trace show PIPE", "trace verify PIPE", "trace diagnose PIPE", "trace convert PIPE --to lines", "report --from PIPE", "dump show PIPE",
		"dump diff PIPE PIPE", "evidence add --source here PIPE", "evidence add --source here -", "shell -f PIPE --reader sim:", "shell -f - --reader sim:", "apdu - --reader sim:", "dump show -",
		"sim new card.json --from PIPE", "delegated create PIPE --reader sim:", "restore PIPE --yes --reader sim:", "write app/2 --file PIPE --reader sim:",
		"info --key @PIPE --reader sim:", "info --keys PIPE --reader sim:", "key list --keys PIPE", "key check card 0 --dictionary PIPE --reader sim:", "key store os:a/b --from @PIPE",
		"kdf --key aes:@PIPE --uid 04112233445566 --out x.key", "kdf --type aes192 --key aes192:@PIPE --uid 04112233445566 --out x.key", "trace verify --key aes:@PIPE x.json",
		"trace diagnose --key aes:@PIPE x.json", "evidence add --source here --key aes:@PIPE x.json", "ndef write --mime text/plain --file PIPE --reader sim:",
		"sdm verify --master-key hmac:@PIPE --diversify sdm-backend --uid 04112233445566 --ctr 1 --mac 0000000000000000",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			var out, errs bytes.Buffer
			a := newApp(silent{t.Context()}, &out, &errs)
			root := a.rootCommand()
			root.SetArgs(strings.Fields(strings.ReplaceAll(args, "PIPE", pipe)))
			err := root.ExecuteContext(ctx)
			a.putAway()
			if errors.As(err, new(*usageError)) {
				t.Fatal(err)
			}
			if code := exitCode(ctx, err); code != exitInterrupted {
				t.Errorf("exit code %d: %v", code, err)
			}
		})
	}
}

// silent is an input on which nothing comes until the test ends.
type silent struct{ ctx context.Context }

func (s silent) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, context.Cause(s.ctx)
}
