package securemsg

import (
	"bytes"
	"testing"

	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

func TestEV1Messages(t *testing.T)  { eachScript(t, "ev1-sm", ev1Script) }
func TestEV1ChangeKey(t *testing.T) { eachScript(t, "ev1-changekey", ev1ChangeKeyScript) }

func ev1Session(v *vector.Vector) Session {
	s := Session{Method: key.MethodISO, Key: v.Hex("session_key"), IV: v.HexOr("iv_before")}
	if v.Text("alg") == "aes" {
		s.Method = key.MethodAES
	}
	return s
}

func answerOK(data []byte, mode wire.CommMode, sealed []byte) step {
	return step{answer: true, m: Message{Data: data, Mode: mode}, want: sealed}
}

func ev1Script(t *testing.T, v *vector.Vector) script {
	s := script{id: v.ID, session: ev1Session(v)}
	v.Ignore("frames", "chain", "after_command")
	switch {
	case v.Has("write_mac"):
		w, r, data := v.Hex("write_cmd"), v.Hex("read_cmd"), v.Hex("data")
		s.steps = []step{
			{m: Message{Code: w[0], Head: w[1:], Data: data, Mode: wire.CommMAC}, want: join(w[1:], data, v.Hex("write_mac"))},
			answerOK(nil, wire.CommPlain, v.Hex("write_resp_mac")),
			{m: Message{Code: r[0], Head: r[1:], Mode: wire.CommPlain}},
			answerOK(data, wire.CommMAC, join(data, v.Hex("read_resp_mac"))),
		}
		s.steps[3].iv = v.Hex("final_iv")
	case v.Has("write_cryptogram"):
		w, r, data := v.Hex("write_cmd"), v.Hex("read_cmd"), v.Hex("data")
		s.steps = []step{
			{m: Message{Code: w[0], Head: w[1:], Data: data, Mode: wire.CommFull}, want: join(w[1:], v.Hex("write_cryptogram"))},
			answerOK(nil, wire.CommPlain, v.Hex("write_resp_mac")),
			{m: Message{Code: r[0], Head: r[1:], Mode: wire.CommPlain}, iv: v.Hex("iv_before_read_decrypt")},
			answerOK(data, wire.CommFull, v.Hex("read_response")),
		}
		s.steps[1].iv = v.Hex("iv_after_write")
		prefixed(t, v, "read_plain", data)
		prefixed(t, v, "write_plain", data)
	case v.Has("cryptogram") && v.Has("settings"):
		s.steps = []step{{m: Message{Code: v.Hex("cmd")[0], Data: v.Hex("settings"), Mode: wire.CommFull}, want: v.Hex("cryptogram")}}
		prefixed(t, v, "plain", v.Hex("settings"))
	case v.Has("cryptogram"):
		h, data := v.Hex("cmd_header"), v.Hex("data")
		s.steps = []step{{m: Message{Code: h[0], Head: h[1:], Data: data, Mode: wire.CommFull}, want: join(h[1:], v.Hex("cryptogram"))}}
	case v.Has("cmd_mac"):
		c := v.Hex("cmd")
		s.steps = []step{{m: Message{Code: c[0], Head: c[1:2], Data: c[2:], Mode: wire.CommMAC}, want: join(c[1:], v.Hex("cmd_mac"))}}
	case v.Has("command"):
		c := v.Hex("command")
		s.steps = []step{{m: Message{Code: c[0], Head: c[1:], Mode: wire.CommPlain}, iv: v.Hex("cmac_full_cmd")}}
	case v.Has("cmd"):
		c := v.Hex("cmd")
		s.steps = []step{{m: Message{Code: c[0], Head: c[1:], Mode: wire.CommPlain}, iv: v.HexOr("iv_after_cmd")}}
		if v.Has("iv_before_decrypt") {
			s.steps[0].iv = v.Hex("iv_before_decrypt")
		}
	}
	switch {
	case v.Has("plain") && v.Has("response"): // GetCardUID: an enciphered UID of 7 bytes
		s.steps = append(s.steps, answerOK(v.Hex("plain")[:7], wire.CommFull, v.Hex("response")))
	case v.Has("resp_mac"):
		data := v.HexOr("response_data")
		if v.Has("response") {
			data = v.Hex("response")
		}
		s.steps = append(s.steps, answerOK(data, wire.CommPlain, join(data, v.Hex("resp_mac"))))
		if v.Has("iv_after") {
			s.steps[len(s.steps)-1].iv = v.Hex("iv_after")
		}
	}
	if v.ID == "ev1-keyset-2" { // goes on from ev1-keyset-1
		for _, w := range vector.Load(t, "ev1-sm") {
			if w.ID == "ev1-keyset-1" {
				first := ev1Script(t, w)
				s.steps = append(first.steps, s.steps...)
			}
		}
	}
	if len(s.steps) == 0 {
		t.Fatalf("%s: nothing to run", v.ID)
	}
	return s
}

// prefixed checks the published plain text before enciphering.
func prefixed(t *testing.T, v *vector.Vector, name string, data []byte) {
	t.Helper()
	if p := v.Hex(name); !bytes.HasPrefix(p, data) || len(p)%8 != 0 {
		t.Errorf("%s = %X does not begin with %X", name, p, data)
	}
}

func ev1ChangeKeyScript(t *testing.T, v *vector.Vector) script {
	h, newKey, old := v.Hex("cmd_header"), v.Hex("new_key"), v.HexOr("old_key")
	k := KeyChange{Code: h[0], Head: h[1:], New: vectorKey(t, newKey, v.HexOr("key_version"))}
	if len(old) > 0 {
		k.Old = vectorKey(t, old, v.HexOr("key_version"))
	}
	m, err := k.Message()
	if err != nil {
		t.Fatal(err)
	}
	s := script{id: v.ID, session: ev1Session(v), steps: []step{{m: m, want: join(h[1:], v.Hex("cryptogram"))}}}
	if v.Has("plain") {
		prefixed(t, v, "plain", m.Data)
	}
	v.Ignore("frames")
	if v.Has("response") && len(v.Hex("response")) != 1 {
		t.Error("the answer to a change of the own key carries something")
	}
	if v.Has("resp_mac") {
		s.steps = append(s.steps, answerOK(nil, wire.CommPlain, v.Hex("resp_mac")))
	}
	return s
}

// vectorKey makes a key of a vector's bytes: AES where it has a version.
func vectorKey(t testing.TB, b, version []byte) *key.Secret {
	t.Helper()
	kt, ver := key.Type2K3DES, byte(0)
	switch {
	case len(version) == 1:
		kt, ver = key.TypeAES, version[0]
	case len(b) == 24:
		kt = key.Type3K3DES
	case len(b) == 8:
		kt = key.TypeDES
	}
	k, err := key.New(kt, b, ver)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
