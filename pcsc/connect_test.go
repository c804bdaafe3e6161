package pcsc

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire"
)

func TestConnectShared(t *testing.T) {
	f := newFake("A")
	f.lists[0].share = []uint32{shareShared}
	var log bytes.Buffer
	c := connected(t, f, &Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if !c.Shared() || !strings.Contains(log.String(), "another program shares this card") {
		t.Errorf("shared %v, log %s", c.Shared(), log.String())
	}
	for range 2 {
		if _, err := c.Transmit(t.Context(), getVersion); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Reconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Transmit(t.Context(), getVersion); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if got, want := f.calls(), "connect 2; begin; transmit 9060000000; transmit 9060000000; end 0; reconnect 1; "+
		"begin; transmit 9060000000; end 0; disconnect 0"; got != want {
		t.Errorf("calls %s\nwant  %s", got, want)
	}
}

func TestConnectModes(t *testing.T) {
	for _, test := range []struct {
		name   string
		mode   ShareMode
		others []uint32
		want   error
		shared bool
	}{
		{"free", ShareAuto, nil, nil, false},
		{"free, to share", ShareShared, nil, nil, true},
		{"shared by another", ShareAuto, []uint32{shareShared}, nil, true},
		{"shared by another, to have alone", ShareExclusive, []uint32{shareShared}, ErrReaderBusy, false},
		{"another has it alone", ShareAuto, []uint32{shareExclusive}, ErrReaderBusy, false},
		{"another has it alone, to share", ShareShared, []uint32{shareExclusive}, ErrReaderBusy, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake("A")
			f.lists[0].share = test.others
			f.insert("A")
			c, err := open(&Config{Share: test.mode}, f).Connect(t.Context(), "A")
			if !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", test.name, err, test.want)
			}
			if err == nil {
				if c.Shared() != test.shared {
					t.Errorf("%s: shared %v", test.name, c.Shared())
				}
				c.Close()
			}
			if contexts, _ := f.open(); contexts != 0 {
				t.Errorf("%s: a context is left", test.name)
			}
		})
	}
}

// A desktop that looks at a new card for a moment does not make it busy.
func TestConnectBriefly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		f.lists[0].refuse = []Error{codeSharingViolation, codeSharingViolation}
		c := connected(t, f, nil)
		if c.Shared() {
			t.Error("shared")
		}
		c.Close()
		f.lists[0].share = []uint32{shareExclusive}
		ctx, cancel := context.WithTimeout(t.Context(), busyPause/2)
		defer cancel()
		_, err := open(nil, f).Connect(ctx, "A")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		synctest.Wait()
		time.Sleep(busyTries * busyPause)
		if contexts, _ := f.open(); contexts != 0 {
			t.Error("a context is left")
		}
	})
}

func TestConnectErrors(t *testing.T) {
	f := newFake("A")
	r := open(nil, f)
	_, err := r.Connect(t.Context(), "A")
	wantSent(t, err, ErrRemoved, true)
	if _, err = r.Connect(t.Context(), "B"); !errors.Is(err, ErrNoReader) {
		t.Error(err)
	}
	f.stop(codeNoService)
	if _, err = r.Connect(t.Context(), "A"); !errors.Is(err, ErrNoService) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = r.Connect(ctx, "A"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Event.Open gives a nil interface with an error, not one around a nil Conn.
func TestEventOpen(t *testing.T) {
	f := newFake("A")
	f.insert("A")
	for e := range open(nil, f).Events(t.Context()) {
		if e.Kind != desfire.CardInserted {
			continue
		}
		tr, err := e.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tr.(*Conn).Close()
		f.remove("A")
		if tr, err = e.Open(t.Context()); err == nil || tr != nil {
			t.Errorf("%v, %v", tr, err)
		}
		break
	}
}
