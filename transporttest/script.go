package transporttest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/wire"
)

// Commands of a script, and what the card answers them.
var scriptCommands = [][]byte{{0x90, 0x6A, 0, 0, 0}, {0x90, 0x45, 0, 0, 0}, {0x90, 0x6F, 0, 0, 0}, {0x90, 0x6E, 0, 0, 0}}

func scriptAnswer(command []byte) []byte { return []byte{command[1], 0x91, 0x00} }

func newScript() *frame.Script {
	s := &frame.Script{Framing: wire.FramingWrapped}
	for _, c := range scriptCommands {
		s.Steps = append(s.Steps, frame.ScriptStep{Command: bytes.Clone(c), Want: wire.StatusOK})
	}
	return s
}

// scripted is the transport's own Script. The card answers as each test says, and keeps
// what came to it.
func (f *fixture) scripted(t *testing.T, answer func(n int, command []byte) ([]byte, error)) (run func(ctx context.Context, s *frame.Script) <-chan scriptResult, came func() [][]byte) {
	t.Helper()
	own, ok := f.tr.(frame.Scripter)
	if !ok {
		t.Skip("this transport has no Script")
	}
	var got [][]byte
	f.set(func(_ context.Context, command []byte) ([]byte, error) {
		f.mu.Lock()
		got = append(got, bytes.Clone(command))
		n := len(got)
		f.mu.Unlock()
		return answer(n, command)
	})
	run = func(ctx context.Context, s *frame.Script) <-chan scriptResult {
		done := make(chan scriptResult, 1)
		go func() {
			answers, err := own.Script(ctx, s)
			var r scriptResult
			for _, a := range answers {
				r.answers = append(r.answers, bytes.Clone(a))
			}
			r.err = err
			done <- r
		}()
		return done
	}
	came = func() [][]byte {
		f.mu.Lock()
		defer f.mu.Unlock()
		return got
	}
	return run, came
}

// scriptResult is what a script came to.
type scriptResult struct {
	answers [][]byte
	err     error
}

// unsupported skips what a wrapper of a transport without Script cannot do.
func unsupported(t *testing.T, r scriptResult, came [][]byte) {
	t.Helper()
	if !errors.Is(r.err, errors.ErrUnsupported) {
		return
	}
	if len(came) > 0 || len(r.answers) > 0 {
		t.Errorf("Script says that it is not supported, and %d frames came to the card", len(came))
	}
	t.Skip("this transport says that it carries no scripts")
}

func (f *fixture) answersTo(t *testing.T, came [][]byte, r scriptResult, n int) {
	t.Helper()
	if len(came) != n {
		t.Fatalf("%d frames of the script came to the card, want %d: % X", len(came), n, came)
	}
	for i, c := range came {
		if !bytes.Equal(c, scriptCommands[i]) {
			t.Errorf("frame %d came to the card as % X, want % X", i+1, c, scriptCommands[i])
		}
	}
	for i, a := range r.answers {
		want := scriptAnswer(scriptCommands[i])
		if i == 1 && n == 2 && r.err == nil {
			want = []byte{0x91, 0xAE}
		}
		if !bytes.Equal(a, want) {
			t.Errorf("answer %d is % X, want % X", i+1, a, want)
		}
	}
}

func testScript(t *testing.T, f *fixture) {
	run, came := f.scripted(t, func(_ int, command []byte) ([]byte, error) { return scriptAnswer(command), nil })
	s := newScript()
	r := within(t, "Script", run(context.Background(), s))
	unsupported(t, r, came())
	if r.err != nil || len(r.answers) != len(scriptCommands) {
		t.Fatalf("%d answers to a script of %d frames: %v", len(r.answers), len(scriptCommands), r.err)
	}
	f.answersTo(t, came(), r, len(scriptCommands))
	for i, step := range s.Steps {
		if !bytes.Equal(step.Command, scriptCommands[i]) {
			t.Errorf("Script writes to command %d", i+1)
		}
		clear(step.Command)
	}
	f.set(echo)
	if got := f.exchange(t, getVersion); !bytes.Equal(got, turned(getVersion)) {
		t.Errorf("the answer after a script is % X", got)
	}
}

func testScriptStops(t *testing.T, f *fixture) {
	run, came := f.scripted(t, func(n int, command []byte) ([]byte, error) {
		if n == 2 {
			return []byte{0x91, 0xAE}, nil
		}
		return scriptAnswer(command), nil
	})
	r := within(t, "Script", run(context.Background(), newScript()))
	unsupported(t, r, came())
	if r.err != nil || len(r.answers) != 2 {
		t.Fatalf("a script that the second answer stops: %d answers, %v", len(r.answers), r.err)
	}
	f.answersTo(t, came(), r, 2)
	f.set(echo)
	f.exchange(t, getVersion)
}

func testScriptBreaks(t *testing.T, f *fixture) {
	run, came := f.scripted(t, func(n int, command []byte) ([]byte, error) {
		if n == 2 {
			return nil, errors.New("pulled away")
		}
		return scriptAnswer(command), nil
	})
	r := within(t, "Script", run(context.Background(), newScript()))
	unsupported(t, r, came())
	if r.err == nil || len(r.answers) != 1 {
		t.Fatalf("a script whose card vanishes at the second frame: %d answers, %v; want 1 and an error", len(r.answers), r.err)
	}
	if !sent(r.err) {
		t.Error("Sent is false, but the card had the frame")
	}
	f.answersTo(t, came(), r, 2)
	f.set(echo)
	mustFail(t, "call after the card vanished", within(t, "the next Transmit", f.transmit(context.Background(), getVersion)))
}

func testScriptEndedContext(t *testing.T, f *fixture) {
	run, came := f.scripted(t, func(_ int, command []byte) ([]byte, error) { return scriptAnswer(command), nil })
	unsupported(t, within(t, "Script", run(context.Background(), newScript())), came())
	before := len(came())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := within(t, "Script with an ended context", run(ctx, newScript()))
	if !errors.Is(r.err, context.Canceled) || len(r.answers) > 0 {
		t.Errorf("%d answers, error %v, want %v in it", len(r.answers), r.err, context.Canceled)
	}
	if sent(r.err) {
		t.Error("Sent is true, but nothing was")
	}
	if len(came()) != before {
		t.Error("a frame came to the card")
	}
}

func testScriptCancel(t *testing.T, f *fixture) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	run, came := f.scripted(t, func(n int, command []byte) ([]byte, error) {
		if n == 2 {
			f.hung <- struct{}{}
			<-release
		}
		return scriptAnswer(command), nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := run(ctx, newScript())
	select {
	case r := <-done:
		unsupported(t, r, came())
		t.Fatalf("the script ended before its card answered: %v", r.err)
	case <-f.hung:
	}
	cancel()
	r := within(t, "Script after cancel", done)
	if !errors.Is(r.err, context.Canceled) {
		t.Errorf("error %v, want %v in it", r.err, context.Canceled)
	}
	f.finished(t, result{err: r.err}, context.Canceled)
}

func testScriptAfterClose(t *testing.T, f *fixture) {
	run, came := f.scripted(t, func(_ int, command []byte) ([]byte, error) { return scriptAnswer(command), nil })
	unsupported(t, within(t, "Script", run(context.Background(), newScript())), came())
	before := len(came())
	closer(t, f.tr).Close()
	r := within(t, "Script after Close", run(context.Background(), newScript()))
	if r.err == nil || len(r.answers) > 0 {
		t.Errorf("%d answers, %v; want an error", len(r.answers), r.err)
	}
	if sent(r.err) {
		t.Error("Sent is true, but nothing was")
	}
	if len(came()) != before {
		t.Error("a frame came to the card")
	}
}
