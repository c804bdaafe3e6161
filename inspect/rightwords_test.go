package inspect_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// What is written of any rights is read as the same rights.
func TestRightsWrittenAndRead(t *testing.T) {
	for _, typ := range []wire.FileType{wire.FileStandard, wire.FileBackup, wire.FileValue, wire.FileLinearRecord, wire.FileCyclicRecord, wire.FileTransactionMAC} {
		for v := range 0x10000 {
			r := rights(uint16(v))
			if typ == wire.FileTransactionMAC {
				r.Write = wire.Never // such files have no word for it
			}
			back := wire.AccessRights{Write: wire.Never}
			w, err := inspect.ParseWrittenAccess(inspect.AccessWords(typ, r, false))
			if err == nil {
				err = w.Apply(typ, &back)
			}
			if err != nil || back != r {
				t.Fatalf("%v %v: %q is %v, %v", typ, r, inspect.AccessWords(typ, r, false), back, err)
			}
		}
	}
	if got := inspect.AccessWords(wire.FileValue, rights(0x1EF0), true); got != "debit=1,refund=free,credit=never" {
		t.Errorf("%q", got)
	}
}

func TestWrittenRights(t *testing.T) {
	for text, want := range map[string]string{
		"read=1":                            "1FFF",
		"READ=free, write = 13":             "EDFF",
		"read-write=never,change=0,read=10": "AFF0",
		"":                                  `"": want rights such as`,
		"read":                              "want rights such as",
		"reads=1":                           "want rights such as",
		"read=1,":                           "want rights such as",
		"read=1,read=2":                     "read twice",
		"read=":                             `read="": want the number of a key, 0 to 13, free or never`,
		"read=14":                           `read="14": want the number of a key`,
		"read=-1":                           "want the number of a key",
		"read=0x1":                          "want the number of a key",
		"read=key 1":                        "want the number of a key",
	} {
		r := inspect.NoAccess
		w, err := inspect.ParseWrittenAccess(text)
		if err == nil {
			err = w.Apply(wire.FileStandard, &r)
		}
		if len(want) == 4 {
			if got := rightsText(r); err != nil || got != want {
				t.Errorf("%q: %s, %v, want %s", text, got, err, want)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func rightsText(r wire.AccessRights) string {
	const digits = "0123456789ABCDEF"
	v := r.Uint16()
	return string([]byte{digits[v>>12], digits[v>>8&15], digits[v>>4&15], digits[v&15]})
}

// A right of another type is named, with the word that means the same there, and
// nothing is changed.
func TestForeignRights(t *testing.T) {
	for _, tc := range []struct {
		typ         wire.FileType
		right, same inspect.Right
	}{
		{wire.FileValue, inspect.RightRead, inspect.RightDebit},
		{wire.FileValue, inspect.RightReadWrite, inspect.RightCredit},
		{wire.FileStandard, inspect.RightRefund, inspect.RightWrite},
		{wire.FileTransactionMAC, inspect.RightReadWrite, inspect.RightNameReader},
		{wire.FileTransactionMAC, inspect.RightWrite, ""},
	} {
		r := rights(0x1234)
		err := inspect.WrittenAccess{tc.right: 7}.Apply(tc.typ, &r)
		var foreign *inspect.ForeignRightError
		if !errors.As(err, &foreign) || foreign.Same != tc.same || r != rights(0x1234) {
			t.Errorf("%v %s: %v, %v", tc.typ, tc.right, err, r)
		}
	}
	err := inspect.WrittenAccess{inspect.RightRead: 1}.Apply(wire.FileValue, new(wire.AccessRights))
	if got := err.Error(); got != "a value file has no right called read: say debit, for get, debit" {
		t.Error(got)
	}
}

func TestWhatRightsMean(t *testing.T) {
	for _, tc := range []struct {
		typ   wire.FileType
		right inspect.Right
		want  string
	}{
		{wire.FileStandard, inspect.RightReadWrite, "read, write"},
		{wire.FileCyclicRecord, inspect.RightWrite, "append"},
		{wire.FileLinearRecord, inspect.RightReadWrite, "read, append, clear"},
		{wire.FileValue, inspect.RightDebit, "get, debit"},
		{wire.FileValue, inspect.RightRefund, "get, debit, limited credit"},
		{wire.FileValue, inspect.RightCredit, "get, debit, limited credit, credit"},
		{wire.FileTransactionMAC, inspect.RightNameReader, "read, name the reader"},
		{wire.FileValue, inspect.RightChange, "change these settings"},
	} {
		if got := tc.right.Meaning(tc.typ); got != tc.want {
			t.Errorf("%s of %v: %q, want %q", tc.right, tc.typ, got, tc.want)
		}
	}
}

func TestLockOuts(t *testing.T) {
	data := func(v uint16) *wire.FileSettings {
		return &wire.FileSettings{Type: wire.FileStandard, Access: rights(v)}
	}
	shown := data(0xFFF0)
	shown.SDM = &wire.SDM{Access: wire.NewSDMAccess(2, 1, 3)}
	further := data(0xFFF0)
	further.Additional = []wire.AccessRights{rights(0x1FFF)}
	for name, tc := range map[string]struct {
		before, after *wire.FileSettings
		want          string
	}{
		"fine":             {data(0x1230), data(0xEEE0), ""},
		"frozen":           {data(0x1230), data(0x123F), "ever change"},
		"frozen before":    {data(0x123F), data(0x123F), ""},
		"new and frozen":   {nil, data(0x123F), ""},
		"useless":          {data(0x1230), data(0xFFF0), "nobody could do anything"},
		"useless before":   {data(0xFFF1), data(0xFFF0), ""},
		"new and useless":  {nil, data(0xFFF0), "nobody could do anything"},
		"mirrors":          {data(0x1230), shown, ""},
		"by a further set": {data(0x1230), further, ""},
	} {
		got := strings.Join(inspect.LockOuts(tc.before, tc.after), "; ")
		if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if got := inspect.AbsentKeys(&wire.FileSettings{Access: rights(0x1EF5), Additional: []wire.AccessRights{rights(0x35FF)}}, 3); len(got) != 2 || got[0] != 3 || got[1] != 5 {
		t.Errorf("absent: %v", got)
	}
}

func TestRemarks(t *testing.T) {
	for _, tc := range []struct {
		fs   wire.FileSettings
		want string
	}{
		{wire.FileSettings{Type: wire.FileStandard, Access: rights(0x1230), Option: wire.OptionFull}, ""},
		{wire.FileSettings{Type: wire.FileStandard, Access: rights(0xE2F0), Option: wire.OptionFull}, "read is free: without a session it goes in plain, whatever the mode"},
		{wire.FileSettings{Type: wire.FileStandard, Access: rights(0xE2F0)}, ""},
		{wire.FileSettings{Type: wire.FileStandard, Access: rights(0x123E)}, "everybody may change these rights"},
		{wire.FileSettings{Type: wire.FileBackup, Access: rights(0xF2F0)}, "nobody can read it"},
		{wire.FileSettings{Type: wire.FileLinearRecord, Access: rights(0x1FF0)}, "nobody can append"},
		{wire.FileSettings{Type: wire.FileValue, Access: rights(0x1FF0)}, "nobody can credit"},
		{wire.FileSettings{Type: wire.FileTransactionMAC, Access: rights(0x1FF0)}, ""},
	} {
		if got := strings.Join(inspect.Remarks(&tc.fs), "; "); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.fs.Access, got, tc.want)
		}
	}
}

// Every key setting 1 can be written and is read as it was.
func TestSettingWords(t *testing.T) {
	for v := range 0x100 {
		for _, ofCard := range []bool{false, true} {
			want := wire.KeySett1(v)
			if ofCard {
				want &= 0x0F
			}
			got := ^want
			if ofCard {
				got &= 0x0F
			}
			for part := range strings.SplitSeq(inspect.SettingWords(want, ofCard), ",") {
				name, value, _ := strings.Cut(part, "=")
				if err := inspect.Set(&got, inspect.Setting(name), value, ofCard); err != nil {
					t.Fatal(err)
				}
			}
			if got != want {
				t.Errorf("%02X of the card %v: %q is %02X", want, ofCard, inspect.SettingWords(want, ofCard), got)
			}
		}
	}
	if got := inspect.SettingWords(wire.SettDefault|wire.SettChangeKey(wire.Free), false); got != "list=free,create=free,change-settings=master,master-key=changeable,change-keys=same" {
		t.Error(got)
	}
	for _, tc := range []struct{ name, value, want string }{
		{"list", "never", "want free, master"},
		{"change-keys", "free", "want master, same, never, or a key number from 1 to 13"},
		{"change-keys", "14", "want master, same, never"},
		{"lists", "free", `no setting is called "lists" here: want list, create, change-settings, master-key, change-keys`},
	} {
		s := wire.SettDefault
		if err := inspect.Set(&s, inspect.Setting(tc.name), tc.value, false); err == nil || !strings.Contains(err.Error(), tc.want) || s != wire.SettDefault {
			t.Errorf("%s=%s: %v", tc.name, tc.value, err)
		}
	}
	s := wire.SettDefault
	if err := inspect.Set(&s, inspect.SettingChangeKeys, "1", true); err == nil {
		t.Error("the card has no such setting")
	}
}
