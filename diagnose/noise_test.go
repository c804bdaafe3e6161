package diagnose_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// What is noise is not explained by a mistake: chance must not look like proof.
func TestNoise(t *testing.T) {
	for _, k := range kinds {
		s := setUp(t, k)
		r := rand.New(rand.NewPCG(5, 6))
		likely, trials := 0, 16
		if testing.Short() {
			trials = 4
		}
		for i := range trials {
			h := s.reader(t, k, "")
			h.r = r
			if i%4 == 3 {
				s.noisyToken(t, h)
			} else {
				h.authenticate(0)
				n := []int{16, 32, 8}[i%3]
				head := []byte{s.files[2], 0, 0, 0, byte(n - 7), 0, 0}
				h.send(s.insWrite(h), join(head, h.bytes(n)))
			}
			got := diagnose.Recording(&h.rec, &diagnose.Config{Keys: s.given(), DefaultKeys: true})
			if len(got.Findings) == 0 {
				t.Errorf("%s: nothing is said of noise", k.name)
			}
			for _, f := range got.Findings {
				if slices.Contains([]string{"crypto-wrong", "token-unexplained", "length", "mode", "content-wrong"}, f.Rule) {
					continue
				}
				if f.Sure == diagnose.Proved {
					t.Errorf("%s: noise proves: %+v", k.name, f)
				}
				if f.Sure == diagnose.Likely {
					likely++
				}
			}
		}
		if likely > 2 {
			t.Errorf("%s: noise is taken for a mistake in %d of %d", k.name, likely, trials)
		}
	}
}

// noisyToken sends a random token.
func (s *stage) noisyToken(t *testing.T, h *hand) {
	first := []byte{0}
	if h.scheme() >= wire.SchemeEV2 {
		first = []byte{0, 1, 2}
	}
	challenge, st := h.send(h.ins, first)
	if st != 0xAF {
		t.Fatalf("%02X", st)
	}
	n := len(challenge)
	if n == 17 {
		n = 16
	}
	h.send(0xAF, h.bytes(2*n))
}

// Whatever the card answers, something is said of it, once for each reason.
func TestEveryStatus(t *testing.T) {
	commands := [][]byte{
		{0x90, 0x60, 0, 0, 0}, {0x90, 0x5A, 0, 0, 3, 1, 2, 3, 0}, {0x90, 0xBD, 0, 0, 7, 1, 0, 0, 0, 4, 0, 0, 0}, {0x90, 0xC4, 0, 0, 25, 1, 24: 7, 30: 0},
		{0x90, 0xAA, 0, 0, 1, 0, 0}, {0x90, 0x0C, 0, 0, 5, 1, 1, 0, 0, 0, 0}, {0x90, 0xC7, 0, 0, 0}, {0x00, 0xB0, 0, 0, 4}, {0x00, 0xA4, 4, 0, 3, 1, 2, 3},
	}
	for _, cmd := range commands {
		for sw := range 1 << 16 {
			st := wire.Status(sw)
			switch {
			case !st.Known() && sw%97 != 0, st == wire.StatusOK, st == wire.StatusISOOK, st == wire.StatusAdditionalFrame, st == wire.StatusSignatureOK,
				st == wire.StatusISOLimitReached, st == wire.StatusISOEndOfFile, sw>>8 == 0x61:
				continue
			}
			rec := &trace.Recording{Framing: trace.ISO, Exchanges: []trace.Exchange{{Command: cmd, Response: []byte{byte(sw >> 8), byte(sw)}}}}
			r := diagnose.Recording(rec, nil)
			if r.Refusals != 1 || len(r.Findings) == 0 || len(r.Findings) > 6 {
				t.Errorf("%X answered %04X: %d refusals, %+v", cmd, sw, r.Refusals, r.Findings)
			}
			for _, f := range r.Findings {
				if f.Text == "" || f.Next == "" {
					t.Errorf("%X answered %04X: %+v", cmd, sw, f)
				}
			}
		}
	}
}
