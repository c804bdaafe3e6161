package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
)

// drop gives the page a file.
func (c *client) drop(name string, data []byte) string {
	c.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	w, err := m.CreateFormFile("file", name)
	must(c.T, err)
	_, err = w.Write(data)
	must(c.T, err, m.Close())
	req, err := http.NewRequestWithContext(c.Context(), "POST", c.url+"/do/log", &b)
	must(c.T, err)
	req.Header.Set("Content-Type", m.FormDataContentType())
	req.Header.Set("Origin", c.url)
	req.Header.Set("X-Desfire-Token", c.token)
	resp, err := c.http.Do(req)
	must(c.T, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(c.T, err)
	return string(body)
}

func recorded(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../testdata/" + name)
	must(t, err)
	return b
}

func (c *client) keys(pairs ...string) string {
	c.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	status, body := c.do("POST", "/do/log/keys", form.Encode())
	if status != http.StatusOK {
		c.Fatal(status, body)
	}
	return body
}

// What cannot be read says why, and what to do.
func TestLogRefusesGarbage(t *testing.T) {
	c := open(t, Config{})
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"empty":   {nil, "the file is empty"},
		"picture": {[]byte("\x89PNG\r\n\x1a\n\x00\x00"), "no recording that can be read"},
		"prose":   {[]byte("Dear reader,\nnothing here.\n"), "copy the lines with the frames into a file of their own"},
		"none":    {[]byte(`{"id":"x","framing":"iso","exchanges":[]}`), "no exchange"},
		"many":    {[]byte(strings.Repeat("> 9060000000\n< 91AF\n", mostLogged+1)), fmt.Sprintf("at most %d are shown here", mostLogged)},
		"<b>x":    {[]byte("?"), "&lt;b&gt;x"},
	} {
		if body := c.drop(name, test.data); !strings.Contains(body, test.want) || !strings.Contains(body, `role="alert"`) {
			t.Errorf("%s: %q is not in %s", name, test.want, body)
		}
	}
	if status, body := c.do("POST", "/do/log", "file=x"); status != http.StatusOK || !strings.Contains(body, "no file came") {
		t.Error(status, body)
	}
}

// A log without its keys says which are missing; with one it is right.
func TestLogKeys(t *testing.T) {
	c := open(t, Config{})
	rec := recorded(t, "traces/nfccpp-ev2-aes.json")
	parsed, _, err := trace.Parse(rec)
	must(t, err)
	secret := ""
	for _, k := range parsed.Keys {
		if k.Value.Type() == key.TypeAES && k.Value.Version() == 0 && !bytes.Equal(k.Value.Export(), make([]byte, 16)) {
			secret = fmt.Sprintf("%X", k.Value.Export())
		}
	}
	if secret == "" {
		t.Fatal("the recording has no key of its own")
	}
	parsed.Keys = nil
	var b bytes.Buffer
	must(t, parsed.Write(&b, trace.FormatJSON))
	body := c.drop("session.json", b.Bytes())
	if !strings.Contains(body, "Give the key below") || !strings.Contains(body, "no known key explains it") {
		t.Error(body)
	}
	body = c.keys("id", "l1", "defaults", "1", "key", "aes:"+secret)
	for _, want := range []string{">right<", "given here, 1", "✓"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in %s", want, body)
		}
	}
	for _, path := range []string{"/v/log?id=l1", "/v/log/exchange?id=l1&no=1", "/v/log/file?id=l1", "/v/log/trace?id=l1", "/v/log/rows?id=l1"} {
		if got := c.get(path); strings.Contains(strings.ToUpper(got), secret) {
			t.Errorf("%s shows the key", path)
		}
	}
	if body = c.keys("id", "l1", "forget", "1"); !strings.Contains(body, "Give the key below") {
		t.Error("the key is still used", body)
	}
}

// What is no key is refused without a digit of it, and nothing outside of the page
// is read.
func TestLogBadKeys(t *testing.T) {
	c := open(t, Config{})
	c.drop("a.json", recorded(t, "traces/skjolber-ev1-testaes3.json"))
	for _, bad := range []string{"aes:3A7F19C2D45E", "3A7F19C2D45E6B80912347AFBC5D60E1", "nokey", "aes:@/etc/passwd", "env:HOME", "1=aes:env:HOME", "99999=aes:3A7F19C2D45E6B80912347AFBC5D60E1"} {
		body := c.keys("id", "l1", "key", bad)
		if !strings.Contains(body, "These keys were not taken.") || strings.Contains(body, "It could not be read.") || strings.Contains(body, "@FILE") {
			t.Errorf("%s: what was refused, and why, is not said: %s", bad, body[:min(len(body), 1500)])
		}
		if !strings.Contains(body, `role="alert"`) || strings.Contains(body, "3A7F") || strings.Contains(body, "root:") {
			t.Errorf("%s: %s", bad, body[:min(len(body), 1500)])
		}
	}
	if body := c.keys("id", "l1", "defaults", "1", "key", "aes:"+strings.Repeat("00", 16)+" 000000:0=des:"+strings.Repeat("00", 8)); strings.Contains(body, `role="alert"`) {
		t.Error("two keys at once are refused")
	}
}

// Keys of the process are tried, those that are made for a card as well.
func TestLogKeysOfTheProcess(t *testing.T) {
	var asked []string
	c := open(t, Config{TraceKeys: func(_ context.Context, uid []byte) []trace.Key {
		asked = append(asked, fmt.Sprintf("%X", uid))
		if len(uid) == 0 {
			return nil
		}
		return []trace.Key{{No: -1, Value: key.Zero(key.TypeAES), Note: "campus"}}
	}})
	body := c.drop("a.json", recorded(t, "traces/skjolber-ev1-testaes3.json"))
	if !strings.Contains(body, "campus") || !strings.Contains(strings.Join(asked, " "), "041F5B92DA2C80") {
		t.Error(asked, body)
	}
}

// The saved file needs nothing and asks nobody, and what is saved as a trace can be
// read again.
func TestLogSaved(t *testing.T) {
	c := open(t, Config{})
	c.drop("../../evil<x>/a.json", recorded(t, "traces/skjolber-ev1-testaes3.json"))
	page := c.get("/v/log/file?id=l1")
	for _, want := range []string{"<!doctype html>", "Content-Security-Policy", "default-src &#39;none&#39;", "sha256-", `id="x27"`, "What would tell a key is left out"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in the file", want)
		}
	}
	for _, bad := range []string{"<script", " style=", "http://", "https://", "FFC799A6D951EB74", "FF C7 99 A6", "FF\u00a0C7\u00a099\u00a0A6"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q is in the file", bad)
		}
	}
	rec, _, err := trace.Parse([]byte(c.get("/v/log/trace?id=l1")))
	must(t, err)
	if len(rec.Exchanges) != 32 || len(rec.Keys) != 0 {
		t.Error(len(rec.Exchanges), rec.Keys)
	}
	if got := stem("../a b<c>.log"); got != "a-b-c" {
		t.Error(got)
	}
}

// Only the last logs are kept, and one that is closed is gone.
func TestLogsAreBounded(t *testing.T) {
	c := open(t, Config{})
	for i := range mostLogs + 2 {
		c.drop(fmt.Sprintf("%d.json", i), recorded(t, "traces/an12343-t34-getvalue-free.json"))
	}
	if body := c.get("/v/log/exchange?id=l1&no=0"); !strings.Contains(body, "not open any more") {
		t.Error(body)
	}
	body := c.get("/v/log")
	if !strings.Contains(body, "4.json") || !strings.Contains(body, "3.json") || strings.Contains(body, "0.json") {
		t.Error(body)
	}
	if _, body := c.do("POST", "/do/log/close", "id=l5"); !strings.Contains(body, "3.json") || strings.Contains(body, "4.json") {
		t.Error(body)
	}
	for _, id := range []string{"l5", "", "<b>"} {
		if body := c.get("/v/log/exchange?id=" + url.QueryEscape(id) + "&no=99"); !strings.Contains(body, "not open any more") {
			t.Error(id, body)
		}
	}
	if body := c.get("/v/log/exchange?id=l4&no=99"); !strings.Contains(body, "there is no exchange") {
		t.Error(body)
	}
}

// A long log comes in pieces, and can be searched.
func TestLogRows(t *testing.T) {
	c := open(t, Config{})
	body := c.drop("long.log", []byte(strings.Repeat("> 905A00000356341200\n< 91A0\n> 9060000000\n< 911C\n", 400)))
	if n := strings.Count(body, "<li><a href"); n != mostLogRows {
		t.Errorf("%d lines at once, want %d", n, mostLogRows)
	}
	body = c.get("/v/log/rows?id=l1&from=700")
	if !strings.Contains(body, "701 to 800 of 800") || !strings.Contains(body, "Earlier") || strings.Contains(body, "Later") {
		t.Error(body[len(body)-600:])
	}
	body = c.get("/v/log/rows?id=l1&q=selectapp&show=wrong&from=0")
	if strings.Contains(body, "GetVersion") || !strings.Contains(body, "of 400") || !strings.Contains(body, "q=selectapp&amp;show=wrong") {
		t.Error(body[len(body)-600:])
	}
	if body = c.get("/v/log/rows?id=l1&q=" + url.QueryEscape(`"><b>&x=`)); !strings.Contains(body, "Nothing like this") || strings.Contains(body, "<b>") {
		t.Error(body)
	}
}
