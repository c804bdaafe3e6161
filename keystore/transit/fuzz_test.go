package transit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/keystore/transit"
)

// FuzzEnvelope reads envelopes and answers of a server. What an envelope says leads
// to the decrypt path of an engine and to no other, with a ciphertext and nothing
// else.
func FuzzEnvelope(f *testing.F) {
	f.Add(string(envelope("campus", sealed)), `{"data":{"plaintext":"QUdF"}}`, 200)
	f.Add(transit.Head+"\nmount: a/b\nkey: x.y\nciphertext: vault:v12:AA==\n", `{"errors":["no"]}`, 403)
	f.Add(transit.Head+"\nmount: ../sys\nkey: ..\nciphertext: vault:v1:A\n", "<html>", 502)
	f.Add("desfire: transit/v1\r\nkey: a\r\n# c\r\nciphertext: vault:v1:A\r\n", `{"data":{"plaintext":12}}`, 307)
	var asked, text string
	var status int
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.RequestURI
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}))
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, file, answer string, code int) {
		if code < 200 || code > 599 {
			code = 200
		}
		asked, text, status = "", answer, code
		e, err := transit.Parse([]byte(file))
		b, err2 := client(s, goodToken).Open(context.Background(), []byte(file))
		if err != nil {
			if asked != "" || err2 == nil {
				t.Errorf("%q is %v, and %s was asked: %v", file, err, asked, err2)
			}
			return
		}
		if want := "POST /v1/" + e.Mount + "/decrypt/" + e.Key; asked != want || strings.Contains(asked, "..") && !strings.Contains(e.Key, "..") {
			t.Errorf("%q: %s was asked, want %s", file, asked, want)
		}
		if (err2 == nil) != (b != nil) && !(err2 == nil && len(b) == 0) || err2 != nil && strings.Contains(err2.Error(), goodToken) {
			t.Errorf("%q, %q: %q, %v", file, answer, b, err2)
		}
		if err2 == nil && code != http.StatusOK {
			t.Errorf("status %d gives %q", code, b)
		}
	})
}
