package evidence

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/go-desfire/desfire/internal/wirevector"
	"github.com/go-desfire/desfire/wire"
)

// layouts takes in the message vectors of package wire.
func (t Table) layouts(file string) error {
	vectors, err := wirevector.Load(file)
	if err != nil {
		return err
	}
	kinds := map[string]Rank{"captured": Captured, "published": Published, "derived": Derived}
	for _, v := range vectors {
		r := kinds[v.Kind]
		t.note(v.Command, Layout, v.Response, r)
		// Outside sessions a message is its layout. Whether the card takes it
		// there, only a command that no session sees tells as well.
		s := v.Spec()
		if s == nil || !occurs(s, wire.SchemeNone, wire.FeatureAny) {
			continue
		}
		if s.Rule != wire.RulePlain {
			r = Derived
		}
		t.note(v.Command, wire.SchemeNone, v.Response, r)
	}
	return nil
}

// crypto takes in the published vectors of single messages in a session, which
// internal/securemsg runs on both sides.
func (t Table) crypto(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var all []struct {
		ID, Area, Source string
		Inputs           map[string]any
		Expected         map[string]any
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	areas := map[string]wire.Scheme{"d40-sm": wire.SchemeD40, "ev1-sm": wire.SchemeEV1, "ev1-changekey": wire.SchemeEV1, "ev2-sm": wire.SchemeEV2, "lrp-sm": wire.SchemeLRP}
	for _, v := range all {
		scheme, ok := areas[v.Area]
		if !ok || strings.Contains(v.Source, "no card") {
			continue
		}
		r := Published
		if strings.Contains(v.Source, "(real") || strings.Contains(v.Source, "capture") {
			r = Captured
		}
		for _, field := range []string{"cmd", "command", "cmd_header", "write_cmd", "read_cmd", "after_command"} {
			head, err := hex.DecodeString(fmt.Sprint(v.Inputs[field]))
			if err != nil || len(head) == 0 {
				continue
			}
			spec := wire.Find(wire.ClassNative, head[0], "")
			if spec == nil {
				continue
			}
			for out := range v.Expected {
				answer := strings.HasPrefix(out, "resp") || strings.HasPrefix(out, "read_") || strings.Contains(out, "_resp")
				command := strings.HasPrefix(out, "cmd_") || out == "cryptogram" || out == "write_mac" || out == "write_cryptogram" || out == "mac4"
				if field == "read_cmd" {
					answer, command = strings.HasPrefix(out, "read_"), false
				}
				if field == "write_cmd" && strings.HasPrefix(out, "read_") {
					continue
				}
				if command && scheme != wire.SchemeEV1 || command && out != "cmd_mac" {
					t.note(spec.Name, scheme, false, r)
				}
				if answer {
					t.note(spec.Name, scheme, true, r)
				}
			}
		}
	}
	return nil
}
