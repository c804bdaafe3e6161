package diagnose_test

import (
	"testing"

	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/wire"
)

// settings asks for the settings of a file, without a session.
func (s *stage) settings(h *hand, file int) { h.send(0xF5, []byte{s.files[file]}) }

// The data of a file travel in another mode than its settings say.
func TestWrongMode(t *testing.T) {
	modes := []wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull}
	for _, k := range kinds {
		s := setUp(t, k)
		for file, want := range modes {
			for _, mode := range modes {
				for _, known := range []bool{true, false} {
					h := s.reader(t, k, "")
					if known {
						s.settings(h, file)
					}
					if !h.authenticate(0) {
						t.Fatal(k.name)
					}
					s.version(h)
					st := s.write(h, file, mode, 20)
					r := diagnose.Recording(&h.rec, &diagnose.Config{Keys: s.given()})
					name := k.name + ": file " + want.String() + ", sent " + mode.String()
					switch {
					case want == mode && (st != 0 || len(r.Findings) > 0):
						t.Errorf("%s: %02X, %+v", name, st, r.Findings)
					case want != mode && (st == 0 || len(r.Findings) == 0 || r.Findings[0].Rule != "mode" && r.Findings[0].Rule != "mac-missing" && (known || r.Findings[0].Rule != "crypto-right")):
						t.Errorf("%s, settings known %v: %02X, %+v", name, known, st, r.Findings)
					case want != mode && known && r.Findings[0].Sure != diagnose.Proved:
						t.Errorf("%s: not proved: %+v", name, r.Findings)
					}
				}
			}
		}
	}
}

// scenarios are sequences that go wrong without a mistake in cryptography.
var scenarios = []struct {
	name string
	on   string // the kinds, "" for all
	rule string
	run  func(t *testing.T, s *stage, h *hand)
}{
	{"selected again", "", "session-ended", func(t *testing.T, s *stage, h *hand) {
		h.authenticate(0)
		s.again(h)
		s.write(h, 1, wire.CommMAC, 20)
	}},
	{"refused before", "EV1 EV2 LRP", "session-ended", func(t *testing.T, s *stage, h *hand) {
		h.authenticate(0)
		s.version(h)
		h.do(0xF5, []byte{0x1E}, nil, wire.RuleManage.Protection(h.scheme(), false, 0))
		s.write(h, 1, wire.CommMAC, 20)
	}},
	{"not authenticated", "", "no-session", func(t *testing.T, s *stage, h *hand) {
		s.settings(h, 0)
		h.send(s.insWrite(h), []byte{s.files[0], 0, 0, 0, 2, 0, 0, 1, 2})
	}},
	{"key change without a session", "", "no-session", func(t *testing.T, s *stage, h *hand) {
		h.send(0xC4, append([]byte{1}, h.bytes(24)...))
	}},
	{"another key", "", "another-key", func(t *testing.T, s *stage, h *hand) {
		h.key = s.keys[1]
		h.authenticate(0)
	}},
	{"unknown key", "", "token-unexplained", func(t *testing.T, s *stage, h *hand) {
		h.key = newKey(t, h.key.Type(), h.r)
		h.authenticate(0)
	}},
	{"no such key", "D40 EV1 EV2", "no-such-key", func(t *testing.T, s *stage, h *hand) {
		h.send(0x45, nil)
		h.authenticate(9)
	}},
	{"AES of a DES key", "DES 2K3DES 3K3DES", "key-type", func(t *testing.T, s *stage, h *hand) {
		h.send(0x45, nil)
		h.send(0xAA, []byte{0})
	}},
	{"DES of an AES key", "AES EV2", "key-type", func(t *testing.T, s *stage, h *hand) {
		h.send(0x1A, []byte{0})
	}},
	{"wrong Lc", "", "lc", func(t *testing.T, s *stage, h *hand) {
		h.raw([]byte{0x90, 0x64, 0, 0, 7, 0, 0})
	}},
	{"decimal Lc", "D40 EV1 EV2", "lc", func(t *testing.T, s *stage, h *hand) {
		h.raw(append([]byte{0x90, 0x3D, 0, 0, 0x12}, make([]byte, 13)...))
	}},
	{"command code in the data", "D40 EV1 EV2", "ins-in-data", func(t *testing.T, s *stage, h *hand) {
		h.send(0x5A, []byte{0x5A, 0x11, 0x22, 0x33})
	}},
	{"wrapped twice", "D40 EV1 EV2", "wrapped-twice", func(t *testing.T, s *stage, h *hand) {
		h.send(0x5A, []byte{0x90, 0x5A, 0, 0, 3, 0x11, 0x22, 0x33, 0})
	}},
	{"too short", "", "length", func(t *testing.T, s *stage, h *hand) {
		h.send(0x64, nil)
	}},
	{"too long", "", "length", func(t *testing.T, s *stage, h *hand) {
		h.send(0xF5, []byte{s.files[0], 0, 0})
	}},
	{"number of the application the other way round", "D40 EV1 EV2", "byte-order", func(t *testing.T, s *stage, h *hand) {
		h.send(0x5A, []byte{0, 0, 0})
		h.send(0x6A, nil)
		h.send(0x5A, []byte{0x33, 0x22, 0x11})
	}},
	{"no such application", "D40 EV1 EV2", "no-application", func(t *testing.T, s *stage, h *hand) {
		h.send(0x5A, []byte{0, 0, 0})
		h.send(0x6A, nil)
		h.send(0x5A, []byte{0x44, 0x55, 0x66})
	}},
	{"length the other way round", "", "byte-order", func(t *testing.T, s *stage, h *hand) {
		s.settings(h, 0)
		h.authenticate(0)
		ins := byte(0xBD)
		if h.scheme() == wire.SchemeLRP {
			ins = 0xAD
		}
		h.do(ins, []byte{s.files[0], 0, 0, 0, 0, 0, 0x10}, nil, wire.CommPlain)
	}},
	{"beyond the end", "", "boundary", func(t *testing.T, s *stage, h *hand) {
		s.settings(h, 0)
		h.authenticate(0)
		ins := byte(0xBD)
		if h.scheme() == wire.SchemeLRP {
			ins = 0xAD
		}
		h.do(ins, []byte{s.files[0], 0, 1, 0, 10, 0, 0}, nil, wire.CommPlain)
	}},
	{"no such file", "", "no-file", func(t *testing.T, s *stage, h *hand) {
		h.send(0x6F, nil)
		h.send(0xF5, []byte{0x1E})
	}},
	{"level", "D40 EV1 EV2", "level", func(t *testing.T, s *stage, h *hand) {
		h.send(0x6A, nil)
	}},
	{"file without an application", "D40 EV1 EV2", "level", func(t *testing.T, s *stage, h *hand) {
		h.send(0x5A, []byte{0, 0, 0})
		h.send(0xF5, []byte{0})
	}},
	{"exists", "D40 EV1 EV2", "duplicate", func(t *testing.T, s *stage, h *hand) {
		h.send(0x5A, []byte{0, 0, 0})
		h.send(0x6A, nil)
		h.send(0xCA, []byte{0x11, 0x22, 0x33, 0x0F, 1})
	}},
	{"frame AF that nobody waits for", "", "frame-not-expected", func(t *testing.T, s *stage, h *hand) {
		h.send(0xAF, nil)
	}},
	{"given up", "", "unfinished", func(t *testing.T, s *stage, h *hand) {
		h.send(0x60, nil)
		h.send(0x64, []byte{0})
	}},
	{"another program", "", "another-program", func(t *testing.T, s *stage, h *hand) {
		h.send(0x60, nil)
		n := len(h.rec.Exchanges)
		h.send(0x64, []byte{0}) // which the recording does not have
		h.rec.Exchanges = h.rec.Exchanges[:n]
		h.send(0xAF, nil)
	}},
	{"right of another key", "D40 EV1 EV2", "rights", func(t *testing.T, s *stage, h *hand) {
		s.settings(h, 0)
		h.key = s.keys[1]
		h.authenticate(1)
		h.do(0x3D, []byte{0, 0, 0, 0, 4, 0, 0}, h.bytes(4), wire.CommPlain)
	}},
}

// insWrite is the command that writes.
func (s *stage) insWrite(h *hand) byte {
	if h.scheme() == wire.SchemeLRP {
		return 0x8D
	}
	return 0x3D
}

// again selects the application once more.
func (s *stage) again(h *hand) {
	if h.scheme() == wire.SchemeLRP {
		h.raw(join([]byte{0, 0xA4, 4, 0x0C, 16}, wire.Light.FixedName()))
		return
	}
	w := s.aid.Wire()
	h.send(0x5A, w[:])
}

func TestScenarios(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			s := setUp(t, k)
			for _, sc := range scenarios {
				if sc.on != "" && !onKind(k, sc.on) {
					continue
				}
				h := s.reader(t, k, "")
				sc.run(t, s, h)
				last := h.rec.Exchanges[len(h.rec.Exchanges)-1]
				if sw := last.Response[len(last.Response)-2:]; sw[1] == 0 && (sw[0] == 0x91 || sw[0] == 0x90) {
					t.Errorf("%s: the card takes it: %X", sc.name, last.Command)
					continue
				}
				s.expect(t, h, sc.name, sc.rule)
			}
		})
	}
}
