package sim

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// fullImage has everything that an image can have: the files of EV2, key sets, a
// transaction MAC file, mirrors, a delegated slot.
func fullImage(t *testing.T) *Image {
	t.Helper()
	c := newCard(t, wire.EV2)
	script(t, c.Present(), free+pending)
	i := c.Image()
	light := newCard(t, wire.Light).Image()
	from := &light.Applications[0]
	a := &i.Applications[0]
	tmac := slices.IndexFunc(from.Files, func(f ImageFile) bool { return f.TMAC != nil })
	a.Files = append(a.Files, from.Files[tmac])
	for _, k := range light.Keys {
		if k.TMAC {
			k.Application = a.AID
			i.Keys = append(i.Keys, k)
		}
	}
	a.KeySets = &ImageKeySets{MaxKeySize: 16, Others: []ImageKeySet{{Initialized: true, KeyType: a.KeyType}, {}}}
	for _, k := range slices.Clone(i.Keys) {
		if k.Application == a.AID && !k.TMAC {
			k.Set = 1
			i.Keys = append(i.Keys, k)
		}
	}
	for n := range a.Files {
		if a.Files[n].Type == "standard" {
			a.Files[n].SDM = &ImageSDM{}
		}
	}
	i.Slots = []damSlot{{No: 1, Quota: 10, Used: 5, AID: a.AID}}
	limit := uint32(9)
	a.Files[len(a.Files)-1].TMAC.Limit = &limit
	if _, err := ReadImage(i.Encode()); err != nil {
		t.Fatalf("the whole image: %v", err)
	}
	return i
}

// Whatever is wrong in an image, reading it says what and where.
func TestImageFaults(t *testing.T) {
	key := func(pick func(ImageKey) bool, change func(*ImageKey)) func(*Image) {
		return func(i *Image) { change(&i.Keys[slices.IndexFunc(i.Keys, pick)]) }
	}
	ofApp := func(k ImageKey) bool { return k.Application != wire.PICC && k.Set == 0 && !k.TMAC }
	ofSet := func(k ImageKey) bool { return k.Set == 1 }
	ofTMAC := func(k ImageKey) bool { return k.TMAC }
	file := func(typ string, change func(*ImageFile)) func(*Image) {
		return func(i *Image) {
			files := i.Applications[0].Files
			change(&files[slices.IndexFunc(files, func(f ImageFile) bool { return f.Type == typ })])
		}
	}
	app := func(change func(*ImageApplication)) func(*Image) {
		return func(i *Image) { change(&i.Applications[0]) }
	}
	drop := func(which func(ImageKey) bool) func(*Image) {
		return func(i *Image) { i.Keys = slices.DeleteFunc(i.Keys, which) }
	}
	for _, x := range []struct {
		name   string
		change func(*Image)
		says   string
	}{
		{"type of a key", key(ofApp, func(k *ImageKey) { k.Type = "rsa" }), `key 0 of 123456: key type "rsa"`},
		{"length of a key", key(ofApp, func(k *ImageKey) { k.Type = "3k3des" }), "key 0 of 123456: it has 16 bytes, want 24"},
		{"number of a key", key(ofApp, func(k *ImageKey) { k.No = 64 }), "number or version out of range"},
		{"version of a key", key(ofApp, func(k *ImageKey) { k.Version = 256 }), "number or version out of range"},
		{"key of no application", key(ofApp, func(k *ImageKey) { k.Application = 0x999999 }), "999999 is no application of the card"},
		{"key twice", key(ofApp, func(k *ImageKey) { k.No = 1 }), "key 1 of 123456: it is there twice"},
		{"another type of key", key(ofApp, func(k *ImageKey) { k.Type = map[string]string{"aes": "des", "des": "aes"}[k.Type] }), "key 0 is missing or has another type"},
		{"key of no set", key(ofSet, func(k *ImageKey) { k.Set = 3 }), "key 0 of set 3 of 123456: there is no such set"},
		{"key of a negative set", key(ofSet, func(k *ImageKey) { k.Set = -1 }), "there is no such set"},
		{"key of a set that is not there yet", key(ofSet, func(k *ImageKey) { k.Set, k.Type = 2, "aes" }), "the set has no such key"},
		{"key beyond a set", key(ofSet, func(k *ImageKey) { k.No = 13 }), "the set has no such key"},
		{"set of the card", key(ofSet, func(k *ImageKey) { k.Application = wire.PICC }), "000000 is no application"},
		{"set without a key", drop(func(k ImageKey) bool { return k.Set == 1 && k.No == 0 }), "set 1 has 4 keys, want 5"},
		{"TMAC key of no file", key(ofTMAC, func(k *ImageKey) { k.No = 7 }), "transaction MAC key of file 7 of 123456: there is no such file"},
		{"TMAC key of no application", key(ofTMAC, func(k *ImageKey) { k.Application = wire.PICC }), "is no application"},
		{"TMAC key missing", drop(ofTMAC), "the key of file 15 is missing"},
		{"master key missing", drop(func(k ImageKey) bool { return k.Application == wire.PICC && k.No == 0 }), "the PICC master key is missing"},
		{"default key", func(i *Image) { i.DefaultKey = &ImageKey{Type: "any"} }, "defaultKey has 0 bytes, want 24"},
		{"comm", file("standard", func(f *ImageFile) { f.Comm = "open" }), `comm "open"`},
		{"rights", file("standard", func(f *ImageFile) { f.Rights = Hex{1} }), "rights 01 have 1 bytes"},
		{"more rights", file("standard", func(f *ImageFile) { f.More = []Hex{{1, 2, 3}} }), "rights 010203 have 3 bytes"},
		{"too many rights", file("standard", func(f *ImageFile) { f.More = slices.Repeat([]Hex{{1, 2}}, 8) }), "8 additional rights"},
		{"identifier", file("standard", func(f *ImageFile) { f.ISOID = Hex{1} }), "isoID 01"},
		{"size", file("standard", func(f *ImageFile) { f.Size = 0 }), "size 0 does not fit"},
		{"negative size", file("standard", func(f *ImageFile) { f.Size = -1 }), "more than 65536 bytes"},
		{"mirrors", file("standard", func(f *ImageFile) { f.SDM = &ImageSDM{Settings: Hex{1}} }), "sdm: "},
		{"mirrors that do not fit", file("standard", func(f *ImageFile) { f.SDM = &ImageSDM{Settings: Hex{0x81, 0xFF, 0xFF}} }), "the sdm settings of file 1 do not fit"},
		{"counter of mirrors", file("standard", func(f *ImageFile) { f.SDM.ReadCtr = 1 << 24 }), "counter out of range"},
		{"mirrors in a backup file", file("backup", func(f *ImageFile) { f.SDM = &ImageSDM{} }), "wrong type of file"},
		{"value", file("value", func(f *ImageFile) { f.Value = nil }), "value is missing"},
		{"limited credit", file("value", func(f *ImageFile) { f.Value.LimitedCredit = -1 }), "beyond its limits"},
		{"TMAC", file("tmac", func(f *ImageFile) { f.TMAC = nil }), "tmac is missing"},
		{"value of a TMAC", file("tmac", func(f *ImageFile) { f.TMAC.Value = Hex{1} }), "its value is not 8"},
		{"record size", file("linear", func(f *ImageFile) { f.RecordSize = 0 }), "records of 0 bytes"},
		{"records", file("cyclic", func(f *ImageFile) { f.Records = slices.Repeat(f.Records, 9) }), "do not fit"},
		{"number of a file", file("value", func(f *ImageFile) { f.No = 32 }), "out of range"},
		{"file twice", file("value", func(f *ImageFile) { f.No = 1 }), "taken"},
		{"settings of an application", app(func(a *ImageApplication) { a.KeySettings = nil }), "keySettings"},
		{"keys of an application", app(func(a *ImageApplication) { a.KeyCount = 15 }), "keyCount 15"},
		{"type of an application", app(func(a *ImageApplication) { a.KeyType = "rsa" }), `key type "rsa"`},
		{"name of an application", app(func(a *ImageApplication) { a.DFName = make(Hex, 17) }), "dfName has 17 bytes"},
		{"identifier of an application", app(func(a *ImageApplication) { a.ISOID = Hex{1} }), "isoID 01"},
		{"no other set", app(func(a *ImageApplication) { a.KeySets.Others = nil }), "keySets"},
		{"type of a set", app(func(a *ImageApplication) { a.KeySets.Others[0].KeyType = "rsa" }), `key type "rsa"`},
		{"application zero", app(func(a *ImageApplication) { a.AID = 0 }), "this identifier is taken"},
		{"slot", func(i *Image) { i.Slots[0].Used = 11 }, "delegated slot 1 does not fit"},
		{"UID", func(i *Image) { i.UID = Hex{4} }, "uid has 1 bytes, want 7"},
		{"settings of the card", func(i *Image) { i.KeySettings = nil }, "keySettings has 0 bytes"},
		{"generation", func(i *Image) { i.Generation = wire.UnknownGeneration }, "generation"},
		{"flags", func(i *Image) { i.Config.Flags = Hex{1, 2} }, "configuration.flags"},
		{"ATS", func(i *Image) { i.Config.ATS = make(Hex, 21) }, "too long"},
		{"failed authentications", func(i *Image) { i.Config.FailedAuth = &failedAuth{Limit: -1} }, "negative"},
	} {
		t.Run(x.name, func(t *testing.T) {
			i := fullImage(t)
			x.change(i)
			if _, err := ReadImage(i.Encode()); err == nil || !strings.Contains(err.Error(), x.says) {
				t.Errorf("%v, want %q", err, x.says)
			}
		})
	}
}
