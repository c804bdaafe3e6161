package pcsc

import (
	"bytes"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/pcsctest"
)

// The binding speaks with a library that a C compiler has made with the types and the
// packing of each system.
func TestLiveABI(t *testing.T) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		if os.Getenv(pcsctest.RequireEnv) != "" {
			t.Fatal(err)
		}
		t.Skip("needs a C compiler: ", err)
	}
	n := bits.UintSize / 8
	for _, test := range []struct {
		define, control string
		layout          layout
		system          platform
	}{
		{"LINUX", "SCardControl", linuxLayout(n), linuxPlatform},
		{"DARWIN", "SCardControl132", darwinLayout(n), darwinPlatform},
		{"WINDOWS", "SCardControl", windowsLayout(n), windowsPlatform},
	} {
		t.Run(test.define, func(t *testing.T) {
			library := filepath.Join(t.TempDir(), "winscard.so")
			out, err := exec.Command(compiler, "-D"+test.define, "-O1", "-shared", "-fPIC", "-o", library, "testdata/winscard.c").CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			n := newNative(test.layout, test.system)
			if err := n.open(test.control, library); err != nil {
				t.Fatal(err)
			}
			talkToLibrary(t, n)
		})
	}
}

func talkToLibrary(t *testing.T, api winscard) {
	const empty, full = "Läser 😀 PICC 0", "Second PICC 1"
	want := []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x80}
	r := open(nil, api)
	list, err := r.List(t.Context())
	if err != nil || len(list) != 2 || list[0].Name != empty || list[0].State != StateEmpty || list[1].Name != full ||
		list[1].State != StatePresent || !bytes.Equal(list[1].ATR, want) {
		t.Fatalf("readers %+v, %v", list, err)
	}

	e := watchEvents(t, r)
	e.want(desfire.ReaderAdded, empty)
	e.want(desfire.ReaderAdded, full)
	ev := e.want(desfire.CardInserted, full)
	if !bytes.Equal(ev.ATR, want) {
		t.Errorf("ATR %X", ev.ATR)
	}
	e.stop() // by SCardCancel, where it waits for ever

	c, err := r.Connect(t.Context(), full)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if !bytes.Equal(c.ATR(), want) {
		t.Errorf("ATR %X", c.ATR())
	}
	if command, response, _ := c.Limits(); command != 2048+9 || response != 2048+2 {
		t.Errorf("limits %d, %d", command, response)
	}
	for range 2 {
		if got, err := c.Transmit(t.Context(), getVersion); err != nil || !bytes.Equal(got, append(bytes.Clone(getVersion), 0x91, 0x00)) {
			t.Errorf("answer %X, %v", got, err)
		}
		if err := c.Reconnect(t.Context()); err != nil {
			t.Error(err)
		}
	}
	long := bytes.Repeat([]byte{0x5A}, 2000)
	if got, err := c.Transmit(t.Context(), long); err != nil || len(got) != 2002 {
		t.Errorf("long: %d bytes, %v", len(got), err)
	}
	c.Close()

	shared, err := open(&Config{Share: ShareShared}, api).Connect(t.Context(), full)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shared.Transmit(t.Context(), getVersion); err != nil {
		t.Errorf("in a transaction: %v", err)
	}
	shared.Close()

	h, code := api.establishContext()
	if code != codeOK || api.isValidContext(h) != codeOK || api.isValidContext(h+1) != codeInvalidHandle {
		t.Errorf("context %X, %v", h, code)
	}
	card, protocol, code := api.connect(h, full, shareDirect, api.platform().direct)
	if code != codeOK || protocol != 0 {
		t.Errorf("direct: protocol %d, %v", protocol, code)
	}
	s, code := api.status(card)
	if code != codeOK || s.reader != full || s.protocol != protocolT1 || !bytes.Equal(s.atr, want) {
		t.Errorf("status %+v, %v", s, code)
	}
	value := make([]byte, 36)
	if n, code := api.getAttrib(card, 0x00090303, value); code != codeOK || !bytes.Equal(value[:n], want) {
		t.Errorf("attribute %X, %v", value[:n], code)
	}
	if code := api.disconnect(card, leaveCard); code != codeOK {
		t.Error(code)
	}
	if _, code := api.reconnect(card+1, shareExclusive, 3, resetCard); code != codeInvalidHandle {
		t.Errorf("another handle: %v", code)
	}
	if code := api.releaseContext(h); code != codeOK {
		t.Error(code)
	}
}
