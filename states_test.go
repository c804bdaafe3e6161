package desfire

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/wire"
)

var update = flag.Bool("update", false, "rewrite generated documentation")

// someChannel is a session that only knows what it is.
type someChannel struct{ scheme wire.Scheme }

func (someChannel) Seal(dst []byte, _ securemsg.Message) ([]byte, error) { return dst, nil }
func (someChannel) Open(dst []byte, _ securemsg.Message) ([]byte, error) { return dst, nil }
func (c someChannel) Info() securemsg.Info                               { return securemsg.Info{Scheme: c.scheme} }

// docs/states.md shows what state.after does to each part of the belief.
func TestStatesDocument(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# What the reader believes

Generated from the reader's one transition function by ` + "`go test -run StatesDocument -update .`" + `. The reader starts in application 123456,
in a session with key 0, with changes pending. The table shows what it believes after the card's answer.
"kept" means no change. After a transport error or an answer that cannot be trusted nothing is kept at all.

| command | after success: selection | session | pending changes | after a refusal: D40 session | EV1, EV2, LRP session | pending changes |
|---|---|---|---|---|---|---|
`)
	for spec := range wire.Commands() {
		if spec.Unknown != "" {
			continue
		}
		name := spec.Name
		if spec.Variant != "" {
			name += " (" + spec.Variant + ")"
		}
		ok := afterOne(spec, wire.SchemeEV1, true)
		d40 := afterOne(spec, wire.SchemeD40, false)
		ev1 := afterOne(spec, wire.SchemeEV1, false)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", name, selection(ok), session(ok), pending(ok), session(d40), session(ev1), pending(ev1))
	}
	const path = "docs/states.md"
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is out of date (%v): run go test -run StatesDocument -update .", path, err)
	}
}

func afterOne(spec *wire.Spec, scheme wire.Scheme, ok bool) state {
	const app AID = 0x123456
	s := state{place: place{app: app}, channel: someChannel{scheme}, pending: true}
	cmd := spec.New()
	if d, isDelete := cmd.(*wire.DeleteApplication); isDelete {
		d.AID = app
	}
	status := wire.StatusPermissionDenied
	if ok {
		status = spec.Success
	}
	s.after(cmd, wire.FileUnknown, status)
	return s
}

func selection(s state) string {
	if s.app == 0x123456 {
		return "kept"
	}
	return s.app.String()
}

func session(s state) string {
	if s.channel != nil {
		return "kept"
	}
	return "ended"
}

func pending(s state) string {
	if s.pending {
		return "kept"
	}
	return "none"
}
