package trace

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
)

// published is a vector of testdata/vectors, made into a recording here: the
// published bytes on the wire, the published session key as a preset.
type published struct {
	ID, Area string
	Inputs   map[string]any
	Expected map[string]any
}

func (p *published) hex(names ...string) []byte {
	var out []byte
	for _, n := range names {
		for _, m := range [...]map[string]any{p.Inputs, p.Expected} {
			if s, ok := m[n].(string); ok {
				b, err := hex.DecodeString(s)
				if err != nil {
					panic(p.ID + ": " + n)
				}
				out = append(out, b...)
				break
			}
		}
	}
	return out
}

func (p *published) has(name string) bool {
	_, ok := p.Inputs[name]
	_, also := p.Expected[name]
	return ok || also
}

func (p *published) number(name string) uint16 { n, _ := p.Inputs[name].(float64); return uint16(n) }

func vectors(t *testing.T, areas string) (list []*published) {
	t.Helper()
	data, err := os.ReadFile("../testdata/vectors/crypto.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []*published
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if strings.Contains(areas, p.Area) {
			list = append(list, p)
		}
	}
	return list
}

func exchange(preset *Preset, cmd []byte, rsp ...[]byte) Exchange {
	return Exchange{Command: cmd, Response: bytes.Join(append([][]byte{{0}}, rsp...), nil), Preset: preset}
}

// sessionOf is the session that a vector gives.
func (p *published) session() *Preset {
	switch p.Area {
	case "ev2-sm":
		return &Preset{Kind: "ev2", Enc: p.hex("ses_enc"), MAC: p.hex("ses_mac"), TI: p.hex("ti"), Counter: p.number("cmd_ctr"), KeyNo: -1}
	case "lrp-sm":
		return &Preset{Kind: "lrp", Key: p.hex("ses_auth_master"), TI: p.hex("ti"), Counter: p.number("cmd_ctr"), EncCtr: uint32(p.number("enc_ctr_before_cmd")), KeyNo: -1}
	case "d40-sm":
		return &Preset{Kind: "d40", Alg: map[int]string{8: "DES", 16: "2K3DES"}[len(p.hex("session_key"))], Key: p.hex("session_key"), KeyNo: -1}
	}
	alg := "AES"
	if p.Inputs["alg"] != "aes" {
		alg = map[int]string{8: "DES", 16: "2K3DES", 24: "3K3DES"}[len(p.hex("session_key"))]
	}
	return &Preset{Kind: "ev1", Alg: alg, Key: p.hex("session_key"), IV: p.hex("iv_before"), KeyNo: -1}
}

// exchanges are the vector's bytes on the wire, and what is to be found right.
func (p *published) exchanges() (list []Exchange, macs, crcs int) {
	s := p.session()
	switch p.Area {
	case "ev2-sm", "lrp-sm":
		if !p.has("cmd_mac") {
			return nil, 0, 0
		}
		body := "data"
		if p.has("cmd_cryptogram") {
			body = "cmd_cryptogram"
		}
		answer := p.hex("response_payload", "resp_mac")
		if p.Area == "lrp-sm" {
			answer = p.hex("response_cryptogram", "resp_mac")
		}
		macs = 1
		if p.has("resp_mac") {
			macs = 2
		}
		return []Exchange{exchange(s, p.hex("cmd", "header", body, "cmd_mac"), answer)}, macs, 0
	case "ev1-changekey":
		if p.has("resp_mac") {
			macs = 1
		}
		return []Exchange{exchange(s, p.hex("cmd_header", "cryptogram"), p.hex("resp_mac"))}, macs, 1
	case "d40-sm":
		switch {
		case p.has("mac4"):
			return []Exchange{exchange(s, p.hex("command", "data", "mac4"))}, 1, 0
		case p.has("settings"):
			return []Exchange{exchange(s, append([]byte{0x54}, p.hex("cryptogram")...))}, 0, 1
		case p.has("command"):
			return []Exchange{exchange(s, p.hex("command", "cryptogram"))}, 0, 1
		}
		return nil, 0, 0
	}
	switch { // EV1
	case p.has("write_mac"):
		return []Exchange{
			exchange(s, p.hex("write_cmd", "data", "write_mac"), p.hex("write_resp_mac")),
			exchange(nil, p.hex("read_cmd"), p.hex("data", "read_resp_mac")),
		}, 3, 0
	case p.has("write_cryptogram"):
		return []Exchange{
			exchange(s, p.hex("write_cmd", "write_cryptogram"), p.hex("write_resp_mac")),
			exchange(nil, p.hex("read_cmd"), p.hex("read_response")),
		}, 1, 2
	case p.has("chain") && p.ID != "ev1-keyset-1", p.has("after_command"):
		return nil, 0, 0
	case p.has("cmd_mac"):
		return []Exchange{exchange(s, p.hex("cmd", "cmd_mac"), p.hex("resp_mac"))}, 2, 0
	case p.has("settings") && p.has("resp_mac"):
		return []Exchange{exchange(s, p.hex("cmd", "cryptogram"), p.hex("resp_mac"))}, 1, 1
	case p.has("settings"):
		return []Exchange{exchange(s, p.hex("cmd", "cryptogram"))}, 0, 1
	case p.has("resp_mac") && p.has("cryptogram"):
		return []Exchange{exchange(s, p.hex("cmd", "cmd_header", "cryptogram"), p.hex("resp_mac"))}, 1, 1
	case p.has("resp_mac") && p.has("response_data"):
		return []Exchange{exchange(s, p.hex("cmd", "command"), p.hex("response_data", "resp_mac"))}, 1, 0
	case p.has("response") && p.has("resp_mac"):
		return []Exchange{exchange(s, p.hex("cmd"), p.hex("response", "resp_mac"))}, 1, 0
	case p.has("response") && p.has("plain"):
		return []Exchange{exchange(s, p.hex("cmd", "command"), p.hex("response"))}, 0, 1
	}
	return nil, 0, 0
}

func TestPublishedVectorsVerify(t *testing.T) {
	run := map[string]int{}
	for _, p := range vectors(t, "d40-sm ev1-sm ev1-changekey ev2-sm lrp-sm") {
		list, macs, crcs := p.exchanges()
		if list == nil {
			t.Logf("%s: does not say all that is on the wire", p.ID)
			continue
		}
		run[p.Area]++
		rec := &Recording{ID: p.ID, Framing: Native, Exchanges: list}
		r := Verify(rec, nil)
		switch {
		case p.has("cmd") && len(p.hex("response_data", "data")) == 0 && macs+crcs == 0:
		case r.MACs < macs || r.CRCs < crcs:
			t.Errorf("%s: %v, %d MACs, %d CRCs, want %d, %d: %s", p.ID, r.Verdict, r.MACs, r.CRCs, macs, crcs, r.Reason())
		}
	}
	for area, min := range map[string]int{"d40-sm": 3, "ev1-sm": 35, "ev1-changekey": 20, "ev2-sm": 20, "lrp-sm": 5} {
		if run[area] < min {
			t.Errorf("%s: %d vectors ran, want %d", area, run[area], min)
		}
	}
	t.Log(run)
}

func TestPublishedHandshakesFit(t *testing.T) {
	run := 0
	for _, p := range vectors(t, "d40-auth ev1-auth lrp-auth ev2-auth") {
		h := &handshake{keyNo: 0, token: p.hex("token"), answer: p.hex("response"), challenge: p.hex("enc_rndB")}
		var names []string
		switch p.Area {
		case "d40-auth":
			h.method, names = key.MethodD40, []string{"DES"}
		case "ev1-auth":
			h.method, names = key.MethodISO, []string{"DES"}
			if p.Inputs["keytype"] == "aes" {
				h.method, names = key.MethodAES, []string{"AES"}
			}
		case "ev2-auth":
			h.method, names = key.MethodEV2First, []string{"AES"}
			if len(h.answer) == 16 {
				h.method = key.MethodEV2NonFirst
			}
			if caps := p.hex("pcdcap2"); len(caps) == 6 {
				h.caps = caps
			}
		case "lrp-auth":
			h.method, names = key.MethodLRPFirst, []string{"AES"}
			if !p.has("picc_response") {
				continue
			}
			h.challenge, h.caps = append([]byte{1}, p.hex("rndB")...), []byte{2}
			h.token, h.answer = p.hex("rndA", "pcd_response"), p.hex("picc_data", "picc_response")
		}
		if len(h.token) == 0 || len(h.answer) == 0 || len(h.challenge) == 0 {
			continue
		}
		k, err := makeKey(names[0], p.hex("key"), 0)
		if err != nil {
			t.Fatalf("%s: %v", p.ID, err)
		}
		f, ok := h.try(k)
		if !ok || f.altered != "" || p.has("rndA") && !bytes.Equal(f.rndA, p.hex("rndA")) {
			t.Errorf("%s does not fit: %+v", p.ID, f)
			continue
		}
		run++
		if want := p.hex("session_key"); len(want) > 0 {
			if got := sessionKey(k.Type(), f.rndA, f.rndB); !bytes.Equal(got, want) {
				t.Errorf("%s: session key %X, want %X", p.ID, got, want)
			}
		}
		// Every other key, and every part with a changed bit, is told apart.
		other := append([]byte(nil), k.Export()...)
		other[3] ^= 0x10
		if k2, err := makeKey(k.Type().String(), other, 0); err == nil {
			if _, ok := h.try(k2); ok {
				t.Errorf("%s: another key fits", p.ID)
			}
		}
	}
	if run < 25 {
		t.Errorf("only %d handshakes ran", run)
	}
	t.Log(run)
}
