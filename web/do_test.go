package web

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

// doing is a page beside a card with an application of all kinds of files.
type doing struct {
	*client
	picc  *sim.Card
	field *simreader.Reader
	uid   string
	air   air
}

// air is what happens between reader and card.
type air struct {
	mu    sync.Mutex
	meet  func(x *sim.Exchange) ([]byte, error) // nil: nothing
	count int                                   // exchanges since set
}

// set makes something happen from now on, and returns how many exchanges there were.
func (a *air) set(meet func(x *sim.Exchange) ([]byte, error)) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, a.meet, a.count = a.count, meet, 0
	return n
}

func (a *air) meets(_ context.Context, x *sim.Exchange) ([]byte, error) {
	a.mu.Lock()
	a.count++
	meet := a.meet
	a.mu.Unlock()
	if meet == nil {
		return x.Pass()
	}
	return meet(x)
}

func (a *air) exchanges() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.count
}

var doApp = wire.Place{AID: 0xF48121}

// doKey is key no of the application.
func doKey(no int) *key.Secret {
	k, err := key.NewAES(bytes.Repeat([]byte{byte(no + 1)}, 16), byte(no+1))
	if err != nil {
		panic(err)
	}
	return k
}

// doKeys are the keys of the card by number; -1 is its master key.
func doKeys(numbers ...int) keystore.Map {
	m := keystore.Map{}
	for _, no := range numbers {
		if no < 0 {
			m[keystore.Ref{}] = keystore.Given{Key: key.Zero(key.Type2K3DES), Source: "test"}
			continue
		}
		m[keystore.Ref{Place: doApp, Key: keystore.Number(wire.KeyNo(no))}] = keystore.Given{Key: doKey(no), Source: "test"} //nolint:gosec // small
	}
	return m
}

// doCardMade is a card with an application: file 0 data, read with key 1 or 3; 1 backup; 2
// value; 3 cyclic records; 4 a transaction MAC; 5 free data.
func doCardMade(t *testing.T) *sim.Card {
	t.Helper()
	return doCardOf(t, nil)
}

// doCardOf makes the card with an identifier.
func doCardOf(t *testing.T, uid []byte) *sim.Card {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2, UID: uid})
	must(t, err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	zero, all := key.Zero(key.TypeAES), wire.AccessRightsFromUint16(0x1110)
	must(t,
		card.CreateFrozenApplication(ctx, &wire.CreateApplication{AID: doApp.AID, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 4)}),
		card.Select(ctx, doApp), card.Authenticate(ctx, 0, zero),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 0, Option: wire.OptionFull, Access: wire.AccessRightsFromUint16(0x1230), Size: 32}),
		card.CreateFile(ctx, &wire.CreateBackupDataFile{File: 1, Option: wire.OptionMAC, Access: all, Size: 32}),
		card.CreateFile(ctx, &wire.CreateValueFile{File: 2, Option: wire.OptionFull, Access: all, Upper: 100000, Value: 24500, Flags: wire.ValueLimitedCredit}),
		card.CreateFile(ctx, &wire.CreateCyclicRecordFile{File: 3, Option: wire.OptionFull, Access: all, RecordSize: 16, MaxRecords: 4}),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 5, Access: wire.AccessRightsFromUint16(0xEEEE), Size: 16}),
	)
	for no := 3; no >= 0; no-- {
		must(t, card.ChangeKey(ctx, wire.KeyNo(no), doKey(no), zero)) //nolint:gosec // small
	}
	must(t, card.Close())
	return picc
}

// openDo opens a page beside such a card, with keys.
func openDo(t *testing.T, keys keystore.Map) *doing {
	t.Helper()
	return besideDo(t, doCardMade(t), Config{Keys: keys})
}

// besideDo opens a page beside a card.
func besideDo(t *testing.T, picc *sim.Card, conf Config) *doing {
	t.Helper()
	d := &doing{picc: picc, field: simreader.New("desk", picc), uid: fmt.Sprintf("%X", picc.Image().UID)}
	d.field.Relay = &sim.Relay{Meet: d.air.meets}
	conf.Source = d.field
	d.client = open(t, conf)
	d.idle()
	return d
}

// leave ends the page before its test does.
func (d *doing) leave() { must(d.T, d.server.Close()) }

// reader is the one on which the card lies.
func (d *doing) reader() *reader {
	all, _ := d.server.hub.all()
	for _, rd := range all {
		if !rd.simulated {
			return rd
		}
	}
	return nil
}

// idle waits until nobody works with the card, and the page has read it.
func (d *doing) idle() {
	d.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		rd := d.reader()
		if rd == nil {
			continue
		}
		l := rd.look()
		rd.mu.Lock()
		wants := rd.wants
		rd.mu.Unlock()
		if l.job == nil && !wants && l.stay != nil && (l.stay.card != nil || l.stay.err != nil) {
			return
		}
	}
	d.Fatalf("the card was never read; it is in the field: %v", d.picc.InField())
}

var (
	doJobID = regexp.MustCompile(`id="job-(j\d+)"`)
	askID   = regexp.MustCompile(`(?:name="ask" value="|&#34;ask&#34;:&#34;|"ask":")([0-9a-f]+)"?`)
)

// form is url.Values of names and values.
func doForm(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

// act does something and waits for the end of its job; the answer is what it shows.
func (d *doing) act(name string, pairs ...string) string {
	d.Helper()
	status, body := d.do("POST", "/do/"+name, doForm(pairs...))
	if status != http.StatusOK {
		d.Fatalf("POST %s: %d %s", name, status, body)
	}
	return d.ended(body)
}

// ended waits for the end of the job that an answer shows; an answer without one is it.
func (d *doing) ended(body string) string {
	d.Helper()
	m := doJobID.FindStringSubmatch(body)
	if m == nil {
		return body
	}
	j := d.server.jobs.find(m[1])
	<-j.ended
	return d.get("/v/job?id=" + m[1])
}

// yes says yes to what an answer asks.
func (d *doing) yes(body string, digits string) string {
	d.Helper()
	m := askID.FindStringSubmatch(body)
	if m == nil {
		d.Fatalf("it asks nothing: %s", body)
	}
	return d.act("yes", "ask", m[1], "digits", digits)
}

// file is what the card itself holds in a file.
func (d *doing) file(no int) *sim.ImageFile {
	d.Helper()
	for _, a := range d.picc.Image().Applications {
		for i := range a.Files {
			if a.Files[i].No == no {
				return &a.Files[i]
			}
		}
	}
	return nil
}

// holds is the content of a data file, with the zeros at its end.
func (d *doing) holds(no, size int) string {
	d.Helper()
	f := d.file(no)
	if f == nil {
		d.Fatalf("there is no file %d", no)
	}
	return string(append(append([]byte{}, f.Data...), make([]byte, size-len(f.Data))...))
}

// says fails unless an answer holds all words.
func (d *doing) says(body string, words ...string) {
	d.Helper()
	body = plain(body)
	for _, w := range words {
		if !strings.Contains(body, w) {
			d.Errorf("no %q in %s", w, body)
		}
	}
}

// upload posts a multipart form with a file.
func (d *doing) upload(name string, file []byte, pairs ...string) string {
	d.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(pairs); i += 2 {
		must(d.T, w.WriteField(pairs[i], pairs[i+1]))
	}
	if file != nil {
		part, err := w.CreateFormFile("upload", "../<b>evil.json")
		must(d.T, err)
		_, err = part.Write(file)
		must(d.T, err)
	}
	must(d.T, w.Close())
	req, err := http.NewRequestWithContext(d.Context(), "POST", d.url+"/do/"+name, &b)
	must(d.T, err)
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Origin", d.url)
	req.Header.Set("X-Desfire-Token", d.token)
	resp, err := d.http.Do(req)
	must(d.T, err)
	defer resp.Body.Close() //nolint:errcheck // a test
	var out bytes.Buffer
	_, err = out.ReadFrom(resp.Body)
	must(d.T, err)
	return d.ended(out.String())
}

func TestDoReads(t *testing.T) {
	d := openDo(t, doKeys(0, 1))
	body := d.act("read", "app", "F48121", "file", "0")
	d.says(body, "Read with key 1, enciphered.", "All 32 bytes are", "Save the bytes")
	body = d.act("read", "app", "F48121", "file", "2")
	d.says(body, "24 500")
	body = d.act("read", "app", "F48121", "file", "3")
	d.says(body, "There is no record yet.")
	body = d.act("read", "app", "F48121", "file", "5", "offset", "4", "length", "20")
	d.says(body, "go beyond")
	body = d.act("read", "app", "F48121", "file", "5")
	d.says(body, "Read in clear, without a key", "All 16 bytes are")
}

func TestDoWrites(t *testing.T) {
	d := openDo(t, doKeys(0, 1, 3))
	body := d.upload("write", nil, "app", "F48121", "file", "0", "as", "text", "content", "00284711|staff", "offset", "2")
	d.says(body, "Would stand there", "at bytes 2 to 15", "Write 14 bytes")
	if got := d.holds(0, 32); got != strings.Repeat("\x00", 32) {
		t.Errorf("it was written before anybody said yes: %q", got)
	}
	after := d.yes(body, "")
	d.says(after, "14 bytes written to file 0 of F48121")
	if got := d.holds(0, 32)[:18]; got != "\x00\x0000284711|staff\x00\x00" {
		t.Errorf("%q", got)
	}
	// One yes is one.
	m := askID.FindStringSubmatch(body)
	d.says(d.act("yes", "ask", m[1]), "answered already")
	// What was shown and what stands there now must be one.
	body = d.upload("write", nil, "app", "F48121", "file", "0", "as", "hex", "content", "FF:FF ff", "offset", "2")
	d.says(body, "<mark>FF</mark>", "bytes of old content stay behind it")
	other := d.upload("write", nil, "app", "F48121", "file", "0", "as", "text", "content", "X", "offset", "3")
	d.says(d.yes(other, ""), "1 byte written")
	d.says(d.yes(body, ""), "holds something else now than was shown")
	if got := d.holds(0, 32)[2:6]; got != "0X28" {
		t.Errorf("%q", got)
	}
	for _, bad := range [][]string{
		{"as", "hex", "content", "0"}, {"as", "hex", "content", "zz"}, {"as", "text", "content", ""}, {"as", "file"}, {"as", "text", "content", "x", "offset", "-1"},
		{"as", "text", "content", "x", "offset", "99999999999"}, {"as", "text", "content", "123456789", "offset", "24"},
	} {
		body := d.upload("write", nil, append([]string{"app", "F48121", "file", "0"}, bad...)...)
		if askID.MatchString(body) || !strings.Contains(body, "✗") {
			t.Errorf("%v: %s", bad, body)
		}
	}
}
