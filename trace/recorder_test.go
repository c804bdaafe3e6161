package trace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/wire"
)

// bare has only what a transport must have.
type bare struct{ answers [][]byte }

func (b *bare) Transmit(_ context.Context, command []byte) ([]byte, error) {
	if len(b.answers) == 0 {
		return nil, errors.New("the card is gone")
	}
	a := b.answers[0]
	b.answers = b.answers[1:]
	command[0] = 0 // a transport may do what it likes with its buffer
	return a, nil
}

// full has everything.
type full struct {
	bare
	closed, reconnected, reset bool
}

func (f *full) Close() error                                     { f.closed = true; return nil }
func (f *full) Reconnect(context.Context) error                  { f.reconnected = true; return nil }
func (f *full) ATR() []byte                                      { return []byte{0x3B, 0x81} }
func (f *full) Limits() (command, response int, fr wire.Framing) { return 100, 200, wire.FramingNative }
func (f *full) String() string                                   { return "reader 7" }
func (f *full) ResetOnClose(reset bool)                          { f.reset = reset }

// scripted carries scripts too.
type scripted struct {
	full
	scripts int
}

func (f *scripted) Script(ctx context.Context, s *frame.Script) ([][]byte, error) {
	f.scripts++
	return frame.RunScript(ctx, &f.bare, s)
}

func TestRecorderRecordsScripts(t *testing.T) {
	step := func(ins byte) frame.ScriptStep {
		return frame.ScriptStep{Command: []byte{0x90, ins, 0, 0, 0}, Want: wire.StatusOK}
	}
	three := &frame.Script{Framing: wire.FramingWrapped, Steps: []frame.ScriptStep{step(1), step(2), step(3)}}
	for name, c := range map[string]struct {
		answers [][]byte
		want    []Exchange
	}{
		"all": {[][]byte{{0x91, 0}, {0x91, 0}, {0x91, 0}}, []Exchange{
			{Command: []byte{0x90, 1, 0, 0, 0}, Response: []byte{0x91, 0}, Took: 1000},
			{Command: []byte{0x90, 2, 0, 0, 0}, Response: []byte{0x91, 0}, At: 1000},
			{Command: []byte{0x90, 3, 0, 0, 0}, Response: []byte{0x91, 0}, At: 1000},
		}},
		"stopped": {[][]byte{{0x91, 0}, {0x91, 0xAE}}, []Exchange{
			{Command: []byte{0x90, 1, 0, 0, 0}, Response: []byte{0x91, 0}, Took: 1000},
			{Command: []byte{0x90, 2, 0, 0, 0}, Response: []byte{0x91, 0xAE}, At: 1000},
		}},
		"cut": {[][]byte{{0x91, 0}}, []Exchange{
			{Command: []byte{0x90, 1, 0, 0, 0}, Response: []byte{0x91, 0}, Took: 1000},
			{Command: []byte{0x90, 2, 0, 0, 0}, At: 1000, Failed: "the card is gone"},
		}},
	} {
		clock := time.Unix(1000, 0)
		r := NewRecorder(&RecorderConfig{Now: func() time.Time { clock = clock.Add(time.Millisecond); return clock }})
		inner := &scripted{full: full{bare: bare{answers: slices.Clone(c.answers)}}}
		answers, err := frame.RunScript(t.Context(), r.Wrap(inner), three)
		for i := range three.Steps {
			three.Steps[i].Command[0] = 0x90 // what bare did to it
		}
		if inner.scripts != 1 || !reflect.DeepEqual(answers, c.answers) || (err != nil) != (name == "cut") {
			t.Errorf("%s: %d scripts, answers %X, %v", name, inner.scripts, answers, err)
		}
		if rec := r.Recording(); !reflect.DeepEqual(rec.Exchanges, c.want) {
			t.Errorf("%s: %+v", name, rec.Exchanges)
		}
	}
	// One that carries none gets frames, each of which is recorded.
	r := NewRecorder(nil)
	answers, err := frame.RunScript(t.Context(), r.Wrap(&full{bare: bare{answers: [][]byte{{0x91, 0}, {0x91, 0}, {0x91, 0}}}}), three)
	if n := len(r.Recording().Exchanges); err != nil || len(answers) != 3 || n != 3 {
		t.Errorf("by frame: %X %v, %d recorded", answers, err, n)
	}
}

func TestRecorderRecords(t *testing.T) {
	clock := time.Unix(1000, 0)
	r := NewRecorder(&RecorderConfig{ID: "x", Now: func() time.Time { clock = clock.Add(time.Millisecond); return clock }})
	inner := &full{bare: bare{answers: [][]byte{{0x91, 0xAF}, {0x00}, {0x91, 0x00}}}}
	w := r.Wrap(inner)
	ctx := context.Background()
	cmd := []byte{0x90, 0x60, 0, 0, 0}
	if rsp, err := w.Transmit(ctx, cmd); err != nil || !bytes.Equal(rsp, []byte{0x91, 0xAF}) {
		t.Fatal(rsp, err)
	}
	_, _ = w.Transmit(ctx, []byte{0x6A})
	if err := reconnect(ctx, w); err != nil || !inner.reconnected {
		t.Fatal(err)
	}
	_, _ = w.Transmit(ctx, []byte{0x90, 0x6A, 0, 0, 0})
	if _, err := w.Transmit(ctx, []byte{0x90, 0x45, 0, 0, 0}); err == nil {
		t.Fatal("no error")
	}
	rec := r.Recording()
	want := []Exchange{
		{Command: []byte{0x90, 0x60, 0, 0, 0}, Response: []byte{0x91, 0xAF}, Took: 1000},
		{Command: []byte{0x6A}, Response: []byte{0x00}, Framing: Native, At: 2000, Took: 1000},
		{Command: []byte{0x90, 0x6A, 0, 0, 0}, Response: []byte{0x91, 0x00}, At: 4000, Took: 1000, Reset: true},
		{Command: []byte{0x90, 0x45, 0, 0, 0}, Response: nil, At: 6000, Took: 1000, Failed: "the card is gone"},
	}
	if !reflect.DeepEqual(rec.Exchanges, want) || rec.Framing != ISO || rec.Card.Reader != "reader 7" || !bytes.Equal(rec.Card.ATR, []byte{0x3B, 0x81}) {
		t.Errorf("%+v", rec)
	}

	var b bytes.Buffer
	if err := rec.Write(&b, FormatJSON); err != nil {
		t.Fatal(err)
	}
	again, f, err := Parse(b.Bytes())
	if err != nil || f != FormatJSON {
		t.Fatal(err)
	}
	if len(again.Exchanges) != 4 || again.ID != "x" || again.Card.Reader != "reader 7" {
		t.Errorf("%+v", again)
	}
	for i := range want {
		got := again.Exchanges[i]
		if !bytes.Equal(got.Command, want[i].Command) || !bytes.Equal(got.Response, want[i].Response) || got.At != want[i].At || got.Took != want[i].Took ||
			got.Reset != want[i].Reset || got.Failed != want[i].Failed || got.Framing != want[i].Framing {
			t.Errorf("exchange %d: %+v, want %+v", i, got, want[i])
		}
	}
}

func reconnect(ctx context.Context, t Transmitter) error {
	return t.(interface{ Reconnect(context.Context) error }).Reconnect(ctx)
}

// What wraps, wraps nothing away.
type wrapper struct{ Transmitter }

func (w wrapper) Unwrap() Transmitter { return w.Transmitter }

func TestRecorderKeepsWhatATransportHas(t *testing.T) {
	type whole interface {
		Close() error
		ATR() []byte
		Limits() (command, response int, fr wire.Framing)
		String() string
		ResetOnClose(reset bool)
	}
	inner := new(full)
	r := NewRecorder(nil)
	w := r.Wrap(wrapper{inner})
	if found, ok := frame.Ability[whole](w); !ok || found != whole(inner) {
		t.Errorf("found %v", found)
	}
	if rec := r.Recording(); rec.Card.Reader != "reader 7" || len(rec.Card.ATR) != 2 || fmt.Sprint(w) != "reader 7" {
		t.Errorf("%v: %+v", w, rec)
	}
	w = NewRecorder(nil).Wrap(new(bare))
	if err := reconnect(t.Context(), w); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("what cannot reconnect says %v", err)
	}
	if fmt.Sprint(w) == "" {
		t.Error("no name")
	}
}

func TestRecorderLimitAndEmpty(t *testing.T) {
	r := NewRecorder(&RecorderConfig{Limit: 1, NoTimes: true})
	name := filepath.Join(t.TempDir(), "x.json")
	if err := r.WriteFile(name); !errors.Is(err, ErrEmpty) {
		t.Error(err)
	}
	w := r.Wrap(&bare{answers: [][]byte{{0}, {0}}})
	_, _ = w.Transmit(context.Background(), []byte{0x60})
	_, _ = w.Transmit(context.Background(), []byte{0x60})
	if rec := r.Recording(); len(rec.Exchanges) != 1 || rec.Notes != "1 further exchange not kept" {
		t.Errorf("%+v", rec)
	}
	if err := r.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(name); err != nil || fi.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v %v", fi.Mode(), err)
	}
}

func TestWriteFileIsAtomic(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "sub", "x.json")
	rec := &Recording{Exchanges: []Exchange{{Command: []byte{0x60}}}}
	if err := rec.WriteFile(name, FormatJSON); err == nil {
		t.Error("a directory that does not exist is no error")
	}
	name = filepath.Join(dir, "x.json")
	if err := os.WriteFile(name, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := rec.WriteFile(name, FormatPcscd); err == nil {
		t.Error("a pcscd log can be written")
	}
	if b, _ := os.ReadFile(name); string(b) != "before" {
		t.Errorf("a failed write left %q", b)
	}
	if err := rec.WriteFile(name, FormatJSON); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".trace-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Keys, randoms and session keys of a recording are never written.
func TestRecordingsAreWrittenWithoutKeys(t *testing.T) {
	for name, rec := range recordings(t) {
		var secrets [][]byte
		for _, k := range rec.Keys {
			if b := k.Value.Export(); !bytes.Equal(b, make([]byte, len(b))) {
				secrets = append(secrets, b)
			}
		}
		for _, a := range rec.RndA {
			inClear := slices.ContainsFunc(rec.Exchanges, func(e Exchange) bool { return bytes.Contains(e.Command, a) }) // LRP
			if !inClear && !bytes.Equal(a, make([]byte, len(a))) {
				secrets = append(secrets, a)
			}
		}
		for _, e := range rec.Exchanges {
			if e.Preset == nil {
				continue
			}
			for _, b := range [][]byte{e.Preset.Key, e.Preset.Enc, e.Preset.MAC} {
				if !bytes.Equal(b, make([]byte, len(b))) {
					secrets = append(secrets, b)
				}
			}
		}
		var b bytes.Buffer
		if err := rec.Write(&b, FormatJSON); err != nil {
			t.Fatal(err)
		}
		if err := rec.Write(&b, FormatLines); err != nil {
			t.Fatal(err)
		}
		for _, l := range Explain(rec) {
			b.WriteString(l.String() + "\n")
		}
		r := Verify(rec, nil)
		for i := range r.Messages {
			b.WriteString(strings.Join(r.Messages[i].Lines(), "\n"))
		}
		j, _ := json.Marshal(r)
		b.Write(j)
		text := strings.ToLower(b.String())
		spread := strings.ReplaceAll(text, " ", "")
		for _, s := range secrets {
			if strings.Contains(spread, hexBytes(s).String()) {
				t.Errorf("%s: a key is printed", name)
			}
		}
		again, _, err := Parse(b.Bytes()[:bytes.Index(b.Bytes(), []byte("\n}\n"))+3])
		if err != nil || len(again.Keys) != 0 || len(again.RndA) != 0 || len(again.Exchanges) != len(rec.Exchanges) {
			t.Errorf("%s: %v", name, err)
		}
		red := rec.Redacted()
		if len(red.Keys)+len(red.RndA) != 0 || slices.ContainsFunc(red.Exchanges, func(e Exchange) bool { return e.Preset != nil }) {
			t.Errorf("%s: redacted has keys", name)
		}
	}
}

func (h hexBytes) String() string { b, _ := json.Marshal(h); return strings.Trim(string(b), `"`) }
