package libnfc

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

var record = flag.Bool("record", false, "write the sessions of libfreefare to testdata/foreign")

const (
	foreignDir    = "../../testdata/foreign"
	foreignSource = "libfreefare 0.4.0 against the simulated card"
)

// finish checks the recorded session, and that testdata/foreign has the same
// under a name. An empty name is a session that it does not hold.
func (l *library) finish(name string) {
	l.t.Helper()
	if l.t.Failed() {
		return
	}
	rec := l.recorder.Recording()
	rec.Keys = l.keys
	if rec.Framing == "" {
		rec.Framing = trace.ISO
	}
	result := trace.Verify(rec, nil)
	if result.Verdict != trace.Verified && (result.Verdict == trace.Failed || result.Authentications > 0) {
		l.t.Errorf("recorded: %v: %s", result.Verdict, result.Reason())
	}
	if name == "" {
		return
	}
	file := filepath.Join(foreignDir, "libfreefare-"+name+".json")
	if *record {
		if err := write(file, rec, l.card.Generation(), result); err != nil {
			l.t.Fatal(err)
		}
		return
	}
	held, err := trace.ReadFile(file)
	if err != nil {
		l.t.Fatalf("%v (go test ./e2e/libnfc -record)", err)
	}
	got, want := outline(result), outline(trace.Verify(held, nil))
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			l.t.Errorf("%s is out of date at message %d (go test ./e2e/libnfc -record): have %q, now %q", file, i, want[i:min(i+1, len(want))], got[i:min(i+1, len(got))])
			return
		}
	}
}

// outline is what a session did, without what randoms make different each time.
func outline(r *trace.Result) []string {
	var all []string
	for _, m := range r.Messages {
		all = append(all, fmt.Sprint(m.Name, m.Scheme, m.Mode, m.Status))
	}
	return append(all, fmt.Sprint(r.Authentications, r.MACs, r.CRCs))
}

// write writes a recording with its keys, which are for tests, one exchange a line.
func write(file string, rec *trace.Recording, g wire.Generation, result *trace.Result) error {
	rec.ID = strings.TrimSuffix(filepath.Base(file), ".json")
	rec.Source = foreignSource
	rec.Card = trace.Card{Generation: g.String(), Note: "simulated"}
	rec.Notes = "Test keys. libfreefare made all commands and checked every proof of the card, MAC and CRC in the answers. Written by go test ./e2e/libnfc -record."
	b, err := rec.MarshalJSON()
	if err != nil {
		return err
	}
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(b, &whole); err != nil {
		return err
	}
	if whole["keys"], err = json.Marshal(fileKeys(rec.Keys)); err != nil {
		return err
	}
	whole["verified"] = json.RawMessage("true")
	whole["verified_what"] = json.RawMessage(fmt.Sprintf(`["%d authentications","%d MACs","%d CRCs of enciphered content"]`, result.Authentications, result.MACs, result.CRCs))
	var out bytes.Buffer
	for i, name := range []string{"id", "source", "card", "framing", "keys", "exchanges", "notes", "verified", "verified_what"} {
		separator := map[bool]string{true: "{\n", false: ",\n"}[i == 0]
		fmt.Fprintf(&out, "%s %q: %s", separator, name, lines(name, whole[name]))
	}
	out.WriteString("\n}\n")
	return os.WriteFile(file, out.Bytes(), 0o644)
}

// lines puts each element of the long lists on a line.
func lines(name string, value json.RawMessage) string {
	var list []json.RawMessage
	if (name != "keys" && name != "exchanges") || json.Unmarshal(value, &list) != nil {
		return string(value)
	}
	var out strings.Builder
	out.WriteString("[")
	for i, v := range list {
		if i > 0 {
			out.WriteString(",")
		}
		out.WriteString("\n  " + string(v))
	}
	out.WriteString("\n ]")
	return out.String()
}

type fileKey struct {
	App *string `json:"app"`
	No  *int    `json:"no"`
	Alg string  `json:"alg"`
	Key string  `json:"key"`
}

func fileKeys(keys []trace.Key) []fileKey {
	names := map[key.Type]string{key.TypeDES: "DES", key.Type2K3DES: "2K3DES", key.Type3K3DES: "3K3DES", key.TypeAES: "AES"}
	var all []fileKey
	for _, k := range keys {
		f := fileKey{Alg: names[k.Value.Type()], Key: fmt.Sprintf("%x", k.Value.Export())}
		if !contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}

func contains(all []fileKey, k fileKey) bool {
	for _, a := range all {
		if a.Alg == k.Alg && a.Key == k.Key {
			return true
		}
	}
	return false
}

// refusedLengths reports whether all that could not be checked are commands of
// a wrong length, as tests send them, which the card refused.
func refusedLengths(rec *trace.Recording, result *trace.Result) bool {
	for _, f := range result.Failures {
		if f.Check != trace.CheckCommandLength || !bytes.Equal(rec.Exchanges[f.Exchange].Response, []byte{0x91, 0x7E}) {
			return false
		}
	}
	return result.Verdict == trace.Unverifiable && len(result.Failures) > 0
}

// TestForeignSessions checks what testdata/foreign holds.
func TestForeignSessions(t *testing.T) {
	files, err := filepath.Glob(foreignDir + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sessions in %s: %v", foreignDir, err)
	}
	for _, file := range files {
		rec, err := trace.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		result := trace.Verify(rec, nil)
		free := result.Authentications == 0 && result.Verdict != trace.Failed // nothing to verify
		if result.Verdict != trace.Verified && !free && !refusedLengths(rec, result) {
			t.Errorf("%s: %v: %s", file, result.Verdict, result.Reason())
		}
		if !strings.HasSuffix(rec.Source, " against the simulated card") || rec.ID+".json" != filepath.Base(file) {
			t.Errorf("%s: source %q, id %q", file, rec.Source, rec.ID)
		}
	}
}
