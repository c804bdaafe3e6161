package report_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/report"
	"github.com/go-desfire/desfire/wire"
)

var when = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// outputs are a report as a page, as JSON, and what names it.
func outputsOf(t testing.TB, c *inspect.Card, conf report.Config) string {
	t.Helper()
	conf.Made = when
	r := report.New(c, &conf)
	j, err := r.JSON()
	must(t, err)
	return pageOf(t, c, &conf) + string(j) + r.Title
}

// notations are the ways in which bytes could stand in a text.
func notations(b []byte) (list []string) {
	for _, x := range [][]byte{b, reversed(b)} {
		h := hex.EncodeToString(x)
		list = append(list, h)
		for _, gap := range []string{" ", ":", "-", ", 0x", ",0x", `\x`} {
			list = append(list, strings.Join(pairs(h), gap))
		}
		decimals := make([]string, len(x))
		for i, v := range x {
			decimals[i] = fmt.Sprint(v)
		}
		list = append(list, strings.Join(decimals, ", "), strings.Join(decimals, ","), strings.Join(decimals, " "), new(big.Int).SetBytes(x).String())
		for skip := range 3 {
			if len(x) > skip+5 {
				enc := base64.StdEncoding.EncodeToString(x[skip : skip+(len(x)-skip)/3*3])
				list = append(list, enc, strings.NewReplacer("+", "-", "/", "_").Replace(enc))
			}
		}
		list = append(list, string(x), fmt.Sprintf("%q", x))
	}
	return list
}

func reversed(b []byte) []byte { b = slices.Clone(b); slices.Reverse(b); return b }

func pairs(h string) (list []string) {
	for ; len(h) >= 2; h = h[2:] {
		list = append(list, h[:2])
	}
	return list
}

// A redacted report holds nothing of what it leaves out, in any notation, and a
// whole one does.
func TestRedactedSecrets(t *testing.T) {
	for _, g := range []wire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3, wire.NTAG424} {
		picc := sun(t)
		if g != wire.NTAG424 {
			picc = campus(t, g)
		}
		for _, keyed := range []bool{false, true} {
			c, x := read(t, picc, keyed)
			secrets := map[string][]byte{"UID": c.UID, "batch": c.Batch, "tag": []byte(secretTag)}
			for at := 0; at+6 <= len(secretText); at += 3 {
				secrets[fmt.Sprint("text ", at)] = []byte(secretText)[at : at+6]
			}
			for at := 0; at+8 <= len(c.Signature); at += 8 {
				secrets[fmt.Sprint("signature ", at)] = c.Signature[at : at+8]
			}
			numbers := []string{fmt.Sprint(secretValue), fmt.Sprint(secretValue - 5), fmt.Sprint(secretValue - 4)}
			if g != wire.D40 && g != wire.NTAG424 {
				secrets["name"] = []byte(secretName)
			}
			for i := range c.Applications {
				for _, f := range c.Applications[i].Files {
					if f.Settings != nil && f.Settings.Type == wire.FileTransactionMAC && f.Data != nil {
						secrets["MAC"] = f.Data[4:]
					}
				}
			}
			conf := report.Config{Extra: x, Source: report.Source{
				Kind: "file", File: fmt.Sprintf("/home/grace/%X.json", []byte(c.UID)), By: secretName, Written: "1999-09-09T09:09:09Z", Notes: []string{fmt.Sprintf("UID %x", []byte(c.UID))},
			}}
			whole := strings.ToLower(outputsOf(t, c, conf))
			conf.Redact = true
			redacted := strings.ToLower(outputsOf(t, c, conf))
			for name, b := range secrets {
				found := false
				for _, s := range notations(b) {
					s = strings.ToLower(s)
					if strings.Contains(redacted, s) {
						t.Errorf("%v, key %v: %s stands there as %q", g, keyed, name, s)
					}
					found = found || strings.Contains(whole, s)
				}
				if textless := g == wire.NTAG424 && strings.HasPrefix(name, "text"); !found && keyed && name != "tag" && !textless {
					t.Errorf("%v: %s is not in the whole report", g, name)
				}
			}
			for _, n := range append(numbers, "grace", "1999", "7a31", "7b01") {
				if strings.Contains(redacted, n) {
					t.Errorf("%v, key %v: %s stands there", g, keyed, n)
				}
			}
		}
	}
}

// twin is a card that differs in all that is left out of a redacted report, and in
// nothing else.
func twin(t testing.TB, c *inspect.Card, flip byte) *inspect.Card {
	t.Helper()
	other := func(b inspect.Hex) inspect.Hex {
		out := slices.Clone(b)
		for i := range out {
			out[i] ^= flip
		}
		return out
	}
	out := *c
	out.UID, out.Signature, out.Batch, out.Reader, out.Name = other(c.UID), other(c.Signature), other(c.Batch), c.Reader+"x", "y"
	if len(c.Version) > 0 {
		v := new(wire.Version)
		must(t, new(wire.Coder).Decode(c.Version, nil, v))
		if !v.UID.IsZero() {
			copy(v.UID[:], out.UID)
		}
		copy(v.Batch[:], out.Batch)
		e, err := new(wire.Coder).Encode(nil, v)
		must(t, err)
		out.Version = e.Bytes
	}
	reasons := func(list []inspect.Missing) []inspect.Missing {
		list = slices.Clone(list)
		for i := range list {
			if list[i].Status != "" || list[i].Err == nil && strings.Contains(list[i].Reason, "another") {
				list[i].Reason += "z"
			}
		}
		return list
	}
	out.Missing, out.Applications = reasons(c.Missing), slices.Clone(c.Applications)
	for i := range out.Applications {
		a := &out.Applications[i]
		tag := string(a.DFName) == "\xD2\x76\x00\x00\x85\x01\x01"
		if !tag && !a.Place.Fixed {
			a.DFName = other(a.DFName)
			if a.Place.Name != "" {
				a.Place.Name = string(other(inspect.Hex(a.Place.Name)))
			}
			if len(a.ISOID) == 2 && a.ISOID[0] != 0xE1 {
				a.ISOID = inspect.Hex{0x6F, a.ISOID[1] ^ flip}
			}
		}
		a.Missing, a.Files = reasons(a.Missing), slices.Clone(a.Files)
		for j := range a.Files {
			f := &a.Files[j]
			if f.Missing = reasons(f.Missing); tag || a.Place.Fixed && f.No < 4 {
				continue // what kind of message it is stays
			}
			f.Data = other(f.Data)
			f.Content = slices.Clone(f.Content)
			for n := range f.Content {
				f.Content[n] = other(f.Content[n])
			}
			if f.Value != nil {
				v := *f.Value ^ int32(flip)
				f.Value = &v
			}
			if f.ReadCounter != nil {
				n := *f.ReadCounter + 1
				f.ReadCounter = &n
			}
			if fs := f.Settings; fs != nil && fs.Type == wire.FileValue {
				changed := fs.Clone()
				changed.LimitedCredit ^= int32(flip)
				f.Settings = &changed
			}
		}
	}
	return &out
}

// Two cards that differ in what is left out have the same redacted report, to the
// byte: nothing of it gets through.
func TestRedactedTwins(t *testing.T) {
	for name, c := range everyCard(t) {
		if name == "hostile" || name == "huge" {
			continue // no card; long
		}
		a, b := outputsOf(t, c, report.Config{Redact: true}), outputsOf(t, twin(t, c, 0x5B), report.Config{Redact: true})
		if a != b {
			t.Errorf("%s: %s", name, difference(a, b))
		}
	}
}

func difference(a, b string) string {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return fmt.Sprintf("%.80q and %.80q", a[max(0, n-20):], b[max(0, n-20):])
}

// Any content, name, identifier and reason is left out.
func FuzzRedact(f *testing.F) {
	f.Add([]byte{4, 1, 2, 3, 4, 5, 6}, []byte("content"), "name", "key 3 is another one", int32(7), byte(0xFF))
	f.Add([]byte{}, []byte{0}, "\xD2\x76\x00\x00\x85\x01\x01", "it is not in the file", int32(-1), byte(1))
	f.Fuzz(func(t *testing.T, uid, content []byte, name, reason string, value int32, flip byte) {
		if flip == 0 || len(uid) > 10 || len(name) > 16 || len(content) > 300 {
			return
		}
		c := &inspect.Card{Generation: wire.EV3, Product: "MIFARE DESFire EV3", UID: inspect.Hex(uid), Reader: reason, ATR: inspect.Hex(content), Batch: inspect.Hex(content)}
		a := inspect.NewApplication(wire.Place{AID: 1})
		a.DFName = inspect.Hex(name)
		if name == "" || strings.HasPrefix(name, "\xD2") {
			a.DFName = nil
		}
		data := inspect.NewFile(1, &wire.FileSettings{Type: wire.FileStandard, Size: uint32(max(len(content), 1))})
		if data.Data = inspect.Hex(content); len(content) == 0 {
			data.Data = inspect.Hex{1}
		}
		records := inspect.NewFile(2, &wire.FileSettings{Type: wire.FileCyclicRecord, RecordSize: uint32(len(data.Data)), MaxRecords: 4, Records: 2})
		records.Content = []inspect.Hex{data.Data, slices.Clone(data.Data)}
		number := inspect.NewFile(3, &wire.FileSettings{Type: wire.FileValue, Upper: 100, Flags: wire.ValueLimitedCredit, LimitedCredit: value})
		number.Value = &value
		number.Missing = []inspect.Missing{{What: inspect.PartContent, Status: "91AE", Reason: reason, Command: reason, Needs: "key 1"}}
		a.Files = []inspect.File{data, records, number}
		c.Applications = []inspect.Application{a}
		x, y := outputsOf(t, c, report.Config{Redact: true}), outputsOf(t, twin(t, c, flip), report.Config{Redact: true})
		if x != y {
			t.Errorf("%s", difference(x, y))
		}
	})
}

// The redacted card is a card that can be read back, and stand-ins are consistent.
func TestRedactedCard(t *testing.T) {
	c, x := read(t, campus(t, wire.EV3), true)
	r := report.New(c, &report.Config{Redact: true, Extra: x})
	b, err := r.JSON()
	must(t, err)
	var back report.Report
	must(t, json.Unmarshal(b, &back))
	if len(back.Card.UID) > 0 || len(back.Card.Applications) != 2 || back.Redacted == nil || len(back.Redacted.LeftOut) == 0 || len(back.Redacted.Kept) == 0 {
		t.Errorf("%+v", back)
	}
	app := &r.Applications[0]
	if got := string(r.Card.Applications[0].DFName); got != "name-1" {
		t.Errorf("the name is %q", got)
	}
	leftOut := map[wire.FileNo]string{}
	for _, f := range app.Files {
		if f.Content != nil {
			leftOut[f.File] = f.Content.LeftOut
		}
	}
	if leftOut[0] == "" || leftOut[1] == "" || leftOut[0] == leftOut[1] || leftOut[2] == "" {
		t.Errorf("stand-ins %v", leftOut)
	}
	if string(c.Applications[0].DFName) != secretName || len(c.UID) != 7 || c.Applications[0].Files[0].Data == nil {
		t.Error("the card that was given has changed")
	}
	if n := r.Applications[1].NDEF; n == nil || len(n.Records) != 2 || n.Records[0] != "URI, left out" {
		t.Errorf("%+v", n)
	}
}
