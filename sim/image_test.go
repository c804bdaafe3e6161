package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

const pending = `
	3d 01 000000 040000 deadbeef < 00
	dc 03 05000000 < 00
	3b 04 000000 010000 07 < 00
	3b 05 000000 010000 08 < 00
	c7 < 00
`

func TestImageRoundTrip(t *testing.T) {
	each(t, func(t *testing.T, c *Card, a *Activation) {
		script(t, a, free+pending)
		want := image(c)
		i, err := ReadImage(want)
		if err != nil {
			t.Fatal(err)
		}
		sameImage(t, i.Encode(), want)
		m, err := i.memory()
		if err != nil {
			t.Fatal(err)
		}
		sameImage(t, encodeImage(m), want)
	})
}

func TestStoredCard(t *testing.T) {
	path := filepath.Join(t.TempDir(), "card.json")
	for _, s := range []Store{File(path), Memory()} {
		c := newCard(t, wire.EV2, func(c *Config) { c.Store = s })
		script(t, c.Present(), free+pending)
		want := image(c)
		c.Lift()
		back, err := New(&Config{Store: s})
		if err != nil {
			t.Fatal(err)
		}
		sameImage(t, image(back), want)
		script(t, back.Present(), `
			5a 563412 < 00
			6c 03 < 00 5f000000
			bd 01 000000 040000 < 00 deadbeef`)
		back.Lift()
		for _, cfg := range []*Config{
			{Store: s, Generation: wire.EV1},
			{Store: s, UID: []byte{4, 1, 2, 3, 4, 5, 6}},
			{Store: s, Storage: 2048},
		} {
			if _, err := New(cfg); err == nil {
				t.Errorf("%v: a card that is another one was taken", s)
			}
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestBadImages(t *testing.T) {
	c := newCard(t, wire.EV2)
	script(t, c.Present(), free+pending)
	good := string(image(c))
	for _, x := range []struct{ name, image, says string }{
		{"empty", "", "empty"},
		{"cut", good[:len(good)/2], "cut off"},
		{"newer", strings.Replace(good, `"version": 1`, `"version": 2`, 1), "update the program"},
		{"other format", strings.Replace(good, "desfire-card", "shopping", 1), "not a card image"},
		{"no JSON", "hello", `not a card image of desfire sim (no "format": "desfire-card")`},
		{"content of a card", `{"id":"clipper","version":{"hw":"04"}}`, `not a card image of desfire sim (no "format": "desfire-card")`},
		{"format that is no text", `{"format":1,"version":[]}`, `not a card image of desfire sim (no "format": "desfire-card")`},
		{"text for a version", strings.Replace(good, `"version": 1,`, `"version": "1",`, 1), "damaged in line 3: version: want a number, have a text"},
		{"without keys", string(c.Image().WithoutKeys().Encode()), "this image was saved without keys (sim show --json)"},
		{"without one key", strings.Replace(good, `"value": "00000000000000000000000000000000"`, `"value": ""`, 1), "its value is missing"},
		{"bad digits of a key", strings.Replace(good, `"value": "00000000000000000000000000000000"`, `"value": "C53A9ED7X"`, 1), "value: the digits of the key are not hexadecimal"},
		{"unknown field", strings.Replace(good, `"uid"`, `"colour"`, 1), "colour"},
		{"key missing", strings.Replace(good, `"keyCount": 5`, `"keyCount": 6`, 1), "key 5"},
		{"value beyond limits", strings.Replace(good, `"value": 95`, `"value": 1001`, 1), "limits"},
		{"short record", strings.Replace(good, `"recordSize": 16`, `"recordSize": 17`, 1), "bytes"},
		{"too much used", strings.Replace(good, `"storage": 8192`, `"storage": 1`, 1), "storage"},
		{"bad hex", strings.Replace(good, `"DEADBEEF`, `"DEADBEEG`, 1), "hexadecimal"},
		{"more than a card holds", strings.Replace(good, `"size": `, `"size": 9999`, 1), "more than 65536 bytes"},
		{"bad type", strings.Replace(good, `"backup"`, `"bakup"`, 1), "bakup"},
	} {
		if x.image == good {
			t.Fatalf("%s: nothing was changed", x.name)
		}
		path := filepath.Join(t.TempDir(), "card.json")
		if err := os.WriteFile(path, []byte(x.image), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := New(&Config{Store: File(path)})
		if err == nil || !strings.Contains(err.Error(), x.says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", x.name, err)
		}
		if !errors.As(err, new(*ImageError)) || errors.Is(err, ErrNoKeys) != (x.name == "without keys") ||
			strings.Contains(err.Error(), "json: cannot") || strings.Contains(err.Error(), "Go ") || strings.Contains(err.Error(), "C53A9") {
			t.Errorf("%s: %v", x.name, err)
		}
		if after, _ := os.ReadFile(path); string(after) != x.image {
			t.Errorf("%s: the file has changed", x.name)
		}
	}
}

func TestWriteProtectedImage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "card.json")
	c := newCard(t, wire.EV2, func(c *Config) { c.Store = File(path) })
	script(t, c.Present(), free)
	want := image(c)
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	c.Lift()
	if _, err := New(&Config{Store: File(path)}); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "write-protected") {
		t.Errorf("write-protected image: %v", err)
	}
	if err := c.Return(); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("write-protected image: %v", err)
	}
	// Protected while the card lies there: the write fails and nothing changes.
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	a := c.Present()
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	script(t, a, `
		5a 563412 < 00
		3d 01 000000 010000 aa < ee
		bd 01 000000 010000 < 00 00`)
	sameImage(t, image(c), want)
	if stored, _ := os.ReadFile(path); !bytes.Equal(stored, want) {
		t.Error("the file has changed")
	}
}

func TestImageWithoutKeys(t *testing.T) {
	c := newCard(t, wire.EV2)
	if s := string(c.Image().WithoutKeys().Encode()); strings.Contains(s, strings.Repeat("0", 32)) {
		t.Errorf("key bytes in\n%s", s)
	}
	if c.Image().Keys[0].Value.IsZero() {
		t.Error("the image itself has lost its keys")
	}
}

// An image shows its keys to its store and to nobody else.
func TestImagePrintsNoKeys(t *testing.T) {
	c := newCard(t, wire.EV2)
	script(t, c.Present(), free)
	i := c.Image()
	mark := bytes.Repeat([]byte{0xC5, 0x3A, 0x9E, 0xD7}, 6)
	i.DefaultKey = &ImageKey{Type: "any", Value: wire.NewSecret(mark)}
	for k := range i.Keys {
		i.Keys[k].Value = wire.NewSecret(mark[:i.Keys[k].Value.Len()])
	}
	stored := string(i.Encode())
	if n := strings.Count(stored, "C53A9ED7"); n < 2*(len(i.Keys)+1) {
		t.Fatalf("the store does not get the keys:\n%s", stored)
	}
	if back, err := ReadImage([]byte(stored)); err != nil || string(back.Encode()) != stored {
		t.Errorf("%v", err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("image", "pointer", i, "value", *i)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("image", "pointer", i, "value", *i)
	text, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	forms := []string{log.String(), string(text)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d"} {
		forms = append(forms, fmt.Sprintf(verb, i), fmt.Sprintf(verb, *i), fmt.Sprintf(verb, struct{ hidden Image }{*i}), fmt.Sprintf(verb, i.DefaultKey))
	}
	for _, s := range forms {
		low := strings.ToLower(s)
		if strings.Contains(low, "c53a9ed7") || strings.Contains(low, "197 58 158") || strings.Contains(low, "0xc5, 0x3a") || strings.Contains(low, `\xc5:`) || strings.Contains(s, "xTqe1") {
			t.Errorf("key bytes in %.300s", s)
		}
	}
}

// Sizes are named as people say them, and a folder that is not there is.
func TestErrorsOfNewCards(t *testing.T) {
	for want, conf := range map[string]*Config{
		"3072 bytes: DESFire EV3 was made with 2k, 4k, 8k or 16k": {Generation: wire.EV3, Storage: 3072},
		"8192 bytes: DESFire D40 was made with 4k":                {Generation: wire.D40, Storage: 8192},
		"8192 bytes: NTAG 424 DNA was made with 416 bytes":        {Generation: wire.NTAG424, Storage: 8192},
	} {
		if _, err := New(conf); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	folder := filepath.Join(t.TempDir(), "x")
	for _, err := range []error{File(filepath.Join(folder, "y.json")).Lock(), File(filepath.Join(folder, "y.json")).Save(nil)} {
		if want := "folder " + folder + " does not exist: make it first"; err == nil || err.Error() != want || !errors.Is(err, fs.ErrNotExist) || !errors.As(err, new(*fs.PathError)) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
