package trace

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLogsOfOtherPrograms(t *testing.T) {
	for name, want := range map[string]struct {
		format              Format
		exchanges           int
		auths, macs, crcs   int
		first, last, reader string
	}{
		"pm3-apdu.log":  {format: FormatPM3, exchanges: 3, auths: 1, macs: 1, first: "901a0000010000", last: "90fc000000"},
		"pm3-trace.log": {format: FormatPM3Trace, exchanges: 4, first: "905a00000317000000", last: "9051000000"},
		"pcscd.log":     {format: FormatPcscd, exchanges: 10, auths: 1, macs: 1, crcs: 1, first: "9060000000", last: "90f50000010900"},
		"pyscard.log":   {format: FormatPyscard, exchanges: 10, auths: 1, macs: 1, crcs: 1, first: "9060000000", last: "90f50000010900", reader: "Virtual PCD 00 00"},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range []string{"\n", "\r\n"} {
				r, f, err := Parse(bytes.ReplaceAll(data, []byte("\n"), []byte(line)))
				if err != nil {
					t.Fatal(err)
				}
				if f != want.format || len(r.Exchanges) != want.exchanges || r.Framing != ISO || r.Card.Reader != want.reader {
					t.Fatalf("%v, %d exchanges, framing %s, reader %q", f, len(r.Exchanges), r.Framing, r.Card.Reader)
				}
				if c := hex.EncodeToString(r.Exchanges[0].Command); c != want.first {
					t.Errorf("first command %s", c)
				}
				if c := hex.EncodeToString(r.Exchanges[len(r.Exchanges)-1].Command); c != want.last {
					t.Errorf("last command %s", c)
				}
				for i, e := range r.Exchanges {
					if len(e.Response) < 2 {
						t.Errorf("exchange %d has no answer", i)
					}
				}
				v := Verify(r, &VerifyConfig{DefaultKeys: true})
				if v.Authentications != want.auths || v.MACs != want.macs || v.CRCs != want.crcs {
					t.Errorf("%v: %d, %d, %d: %s", v.Verdict, v.Authentications, v.MACs, v.CRCs, v.Reason())
				}
			}
		})
	}
}

// The session key of the session on the air is published, not the key.
func TestProxmarkTraceWithSessionKey(t *testing.T) {
	r, err := ReadFile("testdata/pm3-trace.log")
	if err != nil {
		t.Fatal(err)
	}
	key, _ := hex.DecodeString("21f86f0409e78ff517938245d44d01e6")
	r.Exchanges[3].Preset = &Preset{Kind: "ev1", Alg: "AES", Key: key, KeyNo: 7}
	v := Verify(r, nil)
	last := v.Messages[len(v.Messages)-1]
	if v.CRCs != 1 || len(last.Answer) != 1 || last.Answer[0].Value != "04811A4AAE2780" {
		t.Errorf("%v, %d CRCs, %v", v.Verdict, v.CRCs, last.Answer)
	}
}

func TestLines(t *testing.T) {
	for _, text := range []string{
		"> 9060000000\n< 04010133001805 91AF\n> 90af000000\n< 91ae\n",
		"# comment\n\n  > 90 60 00 00 00\n  < 04 01 01 33 00 18 05 91 AF # more\n>90AF000000\n<91AE",
		"12:00:01.5 -> 90:60:00:00:00\n12:00:01.6 <- 04:01:01:33:00:18:05:91:AF\n12:00:02 => 0x90 0xAF 0x00 0x00 0x00\n12:00:02 <= 0x91 0xAE",
		"\x1b[32m>> 9060000000\x1b[0m\n<< 0401013300180591AF\n>> 90AF000000\n<< 91 AE",
	} {
		r, f, err := Parse([]byte(text))
		if err != nil || f != FormatLines || len(r.Exchanges) != 2 {
			t.Errorf("%q: %v, %v, %+v", text, f, err, r)
			continue
		}
		if hex.EncodeToString(r.Exchanges[0].Response) != "0401013300180591af" || hex.EncodeToString(r.Exchanges[1].Response) != "91ae" {
			t.Errorf("%q: %v", text, r.Exchanges)
		}
	}
	// A command without an answer, and native frames.
	r, _, err := Parse([]byte("> 60\n> 5A 00 00 00\n< 00\n"))
	if err != nil || len(r.Exchanges) != 2 || len(r.Exchanges[0].Response) != 0 || r.Framing != Native {
		t.Errorf("%v %+v", err, r)
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "empty",
		"  \n":                               "empty",
		"hello":                              "no recording",
		"\x00\x01\xff\xfe":                   "binary",
		"< 9100":                             "line 1: an answer without a command",
		"> 906\n":                            "line 1: an odd number of digits",
		"{":                                  "cut off",
		`{"exchanges":[]}`:                   "no exchange",
		`{"a":1}`:                            `no "exchanges"`,
		`{"exchanges":[{"c":"9","r":"00"}]}`: "exchange 0: want an even number",
		`{"exchanges":[{"c":"","r":"00"}]}`:  "exchange 0: c: there is no command",
		`{"exchanges":[{"c":5}]}`:            "exchange 0: want a string",
		`{"framing":"x","exchanges":[{}]}`:   "want native or iso",
		"{\n\n \"exchanges\": [ } ":          "line 3",
		`{"keys":[{"alg":"AES","key":"00"}],"exchanges":[{"c":"60","r":"00"}]}`: "key 0: AES key: want 16 bytes, have 1",
		`{"keys":[{"alg":"X","key":"00"}],"exchanges":[{"c":"60","r":"00"}]}`:   "key 0: alg",
	} {
		_, _, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, _, err := Parse([]byte(`{"exchanges":[]}`)); !errors.Is(err, ErrEmpty) {
		t.Error(err)
	}
}

func TestErrorsNeverShowKeys(t *testing.T) {
	const secret = "0badc0de"
	for _, text := range []string{
		`{"keys":[{"alg":"AES","key":"` + secret + `"}],"exchanges":[{"c":"60","r":"00"}]}`,
		`{"keys":[{"alg":"` + secret + `","key":"00"}],"exchanges":[{"c":"60","r":"00"}]}`,
		`{"keys":[{"alg":"AES","key":"` + secret + `x"}],"exchanges":[{"c":"60","r":"00"}]}`,
		`{"keys":[{"alg":"AES","no":"` + secret + `"}],"exchanges":[{"c":"60","r":"00"}]}`,
		`{"keys":[{"alg":"AES","app":"` + secret + `"}],"exchanges":[{"c":"60","r":"00"}]}`,
		`{"keys":["` + secret + `"],"exchanges":[{"c":"60","r":"00"}]}`,
		`{"keys":"` + secret + `","exchanges":[{"c":"60","r":"00"}]}`,
	} {
		_, _, err := Parse([]byte(text))
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, spec := range []string{secret, "aes:" + secret, secret + "=aes:00", "1=aes:" + secret, secret + ":1=des:00"} {
		_, err := ParseKey(spec)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", spec, err)
		}
	}
}

func TestParseKey(t *testing.T) {
	const digits = "000102030405060708090a0b0c0d0e0f"
	for spec, want := range map[string]string{
		"aes:" + digits:             "any application, any number",
		"3=aes:" + digits:           "any application, number 3",
		"123456:1=aes:" + digits:    "application 123456, number 1",
		"123456=2k3des:" + digits:   "application 123456, any number",
		"000000:0x10=aes:" + digits: "application 000000, number 16",
		"*:2=aes:" + digits:         "any application, number 2",
	} {
		k, err := ParseKey(spec)
		if err != nil || !strings.HasPrefix(k.String(), want+", ") {
			t.Errorf("%s: %v %v", spec, k, err)
		}
		if strings.Contains(k.String(), "0a0b0c") {
			t.Errorf("%s prints bytes: %v", spec, k)
		}
	}
	k, err := ParseKey("123456:1=aes:" + digits)
	if err != nil || *k.App != [3]byte{0x56, 0x34, 0x12} {
		t.Errorf("%v %v", k.App, err)
	}
	for _, spec := range []string{"", "aes", "12345:1=aes:" + digits, "1x=aes:" + digits, "999=aes:" + digits, "123456:256=aes:" + digits} {
		if k, err := ParseKey(spec); err == nil {
			t.Errorf("%q: %v", spec, k)
		}
	}
}
