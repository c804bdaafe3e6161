package centre_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/remote/centre"
)

// A fleet file is read back as it was written, by its owner alone, and what is wrong
// with one is said without anything it holds.
func TestFile(t *testing.T) {
	w := start(t, true, nil)
	f := w.agent("gate7")
	path := filepath.Join(t.TempDir(), "fleet.json")
	if err := f.Write(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	got, err := centre.LoadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dial(t, got)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	good := map[string]any{}
	if err := json.Unmarshal(text, &good); err != nil {
		t.Fatal(err)
	}
	seed, signed := good["seed"].(string), good["jwt"].(string)
	other := w.agent("gate8")
	for name, test := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"member":      {func(m map[string]any) { m["sead"] = seed }, "sead"},
		"version":     {func(m map[string]any) { m["v"] = 2 }, "version 2"},
		"seed cut":    {func(m map[string]any) { m["seed"] = seed[:20] }, "seed: not a seed"},
		"seed other":  {func(m map[string]any) { m["seed"] = "SA" + seed[2:] }, "seed: not a seed"},
		"seed swap":   {func(m map[string]any) { m["seed"] = other.Seed }, "another key"},
		"seed number": {func(m map[string]any) { m["seed"] = 7 }, "seed"},
		"jwt":         {func(m map[string]any) { m["jwt"] = signed[:30] }, "jwt: not one"},
		"jwt seed":    {func(m map[string]any) { m["jwt"] = seed }, "jwt: not one"},
		"ca":          {func(m map[string]any) { m["ca"] = "none" }, "ca: no certificate"},
		"urls":        {func(m map[string]any) { m["urls"] = []string{} }, "no address"},
		"url seed":    {func(m map[string]any) { m["urls"] = []string{"tls://h:1/" + seed} }, "want tls"},
		"name":        {func(m map[string]any) { m["name"] = "A" }, "name"},
		"fleet":       {func(m map[string]any) { m["fleet"] = "*" }, "fleet"},
		"role":        {func(m map[string]any) { m["role"] = "root" }, "no role"},
		"join":        {func(m map[string]any) { m["join"] = "http://h:1" }, "want https"},
		"leaf":        {func(m map[string]any) { m["role"] = "leaf" }, "trust"},
	} {
		m := map[string]any{}
		for k, v := range good {
			m[k] = v
		}
		test.change(m)
		b, _ := json.MarshalIndent(m, "", " ")
		bad := filepath.Join(t.TempDir(), "fleet.json")
		if err := os.WriteFile(bad, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := centre.LoadFile(bad)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if err != nil && (strings.Contains(err.Error(), seed[2:20]) && name != "url seed" || strings.Contains(err.Error(), signed[:20])) {
			t.Errorf("%s: the error holds a secret: %v", name, err)
		}
	}
	for name, text := range map[string]string{"empty": "", "no JSON": "seed " + seed, "cut": string(text[:len(text)-10]), "huge": strings.Repeat(" ", 17<<20)} {
		bad := filepath.Join(t.TempDir(), "fleet.json")
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := centre.LoadFile(bad); err == nil || strings.Contains(err.Error(), seed[2:20]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := centre.LoadFile(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("readable by others: %v", err)
		}
	}
}

// A join line that is not whole is refused, without its token in the error.
func TestLine(t *testing.T) {
	token, pin := strings.Repeat("ab", 16), strings.Repeat("0f", 32)
	good := "desfire-join-1/gate7/" + token + "/centre.example:8443/" + pin
	l, err := centre.ParseLine(" " + good + "\n")
	if err != nil || l.String() != good || l.URL != "https://centre.example:8443" || l.Pin != pin {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := centre.ParseLine("desfire-join-1/gate7/" + token + "/[::1]:8443/loopback"); err != nil || l.URL != "http://[::1]:8443" || l.Pin != "" {
		t.Errorf("%+v, %v", l, err)
	}
	for _, bad := range []string{
		"", "x", "desfire-join-1", good[:len(good)-1], good + "/", "desfire-join-1/Gate/" + token + "/h:1/" + pin, "desfire-join-1/gate7/" + token[1:] + "/h:1/" + pin,
		"desfire-join-1/gate7/" + token + "/h/" + pin, "desfire-join-1/gate7/" + token + "/:1/" + pin, "desfire-join-1/gate7/" + token + "/h:1/loopback",
		"desfire-join-1/" + token + "/gate7/h:1/" + pin, "desfire-join-2/" + token,
	} {
		if l, err := centre.ParseLine(bad); err == nil {
			t.Errorf("%s: %+v", bad, l)
		} else if strings.Contains(err.Error(), token[1:]) {
			t.Errorf("%s: the error holds the token: %v", bad, err)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add("desfire-join-1/gate7/" + strings.Repeat("ab", 16) + "/centre.example:8443/" + strings.Repeat("0f", 32))
	f.Add("desfire-join-1/gate7/" + strings.Repeat("ab", 16) + "/127.0.0.1:8443/loopback")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := centre.ParseLine(text)
		if err != nil {
			return
		}
		again, err := centre.ParseLine(l.String())
		if err != nil || again != l {
			t.Errorf("%q: %+v, then %+v, %v", text, l, again, err)
		}
	})
}
