package sdm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// urlTemplates are templates as people have them. All can be found without a
// template, too.
var urlTemplates = []string{
	"https://x.example/t?p={picc}&m={mac}",
	"https://x.example/t?picc_data={picc}&enc={from}{enc:32}&cmac={mac}",
	"https://x.example/t?v=1&{from}uid={uid}&ctr={ctr}&mac={mac}",
	"https://{from}x.example/a/b?u={uid}&n={ctr}&c={mac}",
	"http://www.x.example/?cmac={mac}&picc_data={picc}",
	"https://x.example/t?uid={uid}&cmac={mac}",
	"https://x.example/t?e={picc}{from}{enc:16}{mac}",
	"lnurlw://card.example/ln?p={picc}&c={mac}",
	"https://x.example/t?{from}p={picc}x{enc:16}x{mac}",
	"https://x.example/t#p={picc}&m={mac}",
}

// tagShows is what a tag shows by a template, and the keys it has.
func tagShows(t *testing.T, tmpl string, useLRP bool, counter uint32) (*Template, string, *Verifier) {
	t.Helper()
	tp, err := ParseTemplate(tmpl, useLRP)
	if err != nil {
		t.Fatal(err)
	}
	meta, file := aesOf(t, []byte("the meta read ky")), aesOf(t, []byte("the file read ky"))
	p := PICCData{UID: []byte{4, 0xAB, 2, 3, 4, 0xEF, 6}, Counter: counter, HasCounter: strings.Contains(tmpl, "{ctr}") || strings.Contains(tmpl, "{picc}")}
	if !p.HasCounter {
		p.Counter = 0
	}
	set, err := tp.Settings(0, 2, 1, wire.Never)
	if err != nil {
		t.Fatal(err)
	}
	return tp, mirror(t, tp, set, 0, p, meta, file, useLRP), &Verifier{MetaRead: meta, FileRead: file, LRP: useLRP}
}

// travel is what programs between tag and server make of a URL.
func travel(rnd *rand.Rand, text string) string {
	s := splitShown(text)
	chance := func(n int) bool { return rnd.IntN(n) == 0 }
	if chance(2) {
		rnd.Shuffle(len(s.query), func(i, j int) { s.query[i], s.query[j] = s.query[j], s.query[i] })
	}
	for i := range s.query {
		x := &s.query[i]
		if chance(3) {
			x.value = strings.ToLower(x.value)
		}
		if chance(3) {
			x.value = escaped(rnd, x.value)
		}
		if chance(5) {
			x.name = escaped(rnd, x.name)
		}
		x.text = x.value
		if x.named {
			x.text = x.name + "=" + x.value
		}
	}
	for _, add := range []string{"utm_source=news", "fbclid=IwAR0aBcD", "utm_medium=a%20b", "gclid="} {
		if chance(4) {
			i := rnd.IntN(len(s.query) + 1)
			s.query = append(s.query[:i:i], append([]item{{text: add}}, s.query[i:]...)...)
			s.mark = "?"
		}
	}
	if chance(4) && s.hash == "" {
		s.hash, s.fragment = "#", []item{{text: "top"}}
	}
	host, path := cutHost(s.head)
	if chance(4) {
		host = strings.ToUpper(host)
	}
	if chance(4) && strings.HasPrefix(s.scheme, "http") {
		s.scheme = [...]string{"http://", "https://", "HTTPS://"}[rnd.IntN(3)]
	}
	s.head = host + path
	whole := s.join()
	switch rnd.IntN(8) {
	case 0:
		whole = " " + whole + "\r\n"
	case 1:
		whole = `"` + whole + `"`
	case 2:
		whole = strings.ReplaceAll(whole, "&", "&amp;")
	case 3:
		whole = whole[len(s.scheme):]
	}
	return whole
}

func escaped(rnd *rand.Rand, s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if rnd.IntN(6) == 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// travels checks one journey: what arrives is put back as the tag showed it, with a
// template or without, and verifies; with one digit changed it does not.
func travels(t *testing.T, seed uint64) {
	ctx := context.Background()
	rnd := rand.New(rand.NewPCG(seed, 1))
	tmpl := urlTemplates[rnd.IntN(len(urlTemplates))]
	useLRP := rnd.IntN(4) == 0
	counter := uint32(rnd.IntN(MaxCounter))
	tp, text, v := tagShows(t, tmpl, useLRP, counter)
	came := travel(rnd, text)
	r, err := tp.Find(came)
	if err != nil {
		t.Fatalf("%s\ncame as %s: %v", text, came, err)
	}
	if r.Text != text {
		t.Fatalf("%s\ncame as %s\nput back %s", text, came, r.Text)
	}
	if came != text && len(r.Notes) == 0 {
		t.Fatalf("%s came as %s, and no note", text, came)
	}
	tag, _, err := v.VerifyReading(ctx, r)
	if err != nil || tag.Counter != counter && tag.HasCounter {
		t.Fatalf("%s: %v, %v", came, tag, err)
	}
	g, err := Guess(came, useLRP)
	if err != nil {
		t.Fatalf("%s, without a template: %v", came, err)
	}
	tag, c, err := v.VerifyReading(ctx, g)
	switch orders := len(splitShown(text).query); {
	case errors.Is(err, ErrMAC) && strings.Contains(tmpl, "{from}") && (orders > maxOrders || !strings.Contains(came, "x.example") || !strings.HasPrefix(came, "https://x.example") && strings.HasPrefix(tmpl, "https://{from}")):
	case errors.Is(err, ErrMAC) && strings.Contains(tmpl, "v=1"):
		// what the MAC covers did not arrive whole
	case err != nil:
		t.Fatalf("%s\ncame as %s, without a template: %v", text, came, err)
	default:
		if tag.Counter != counter && tag.HasCounter {
			t.Fatalf("%s: %v", came, tag)
		}
		if c.Template != "" {
			if _, err := ParseTemplate(c.Template, g.Template.lrp); err != nil {
				t.Fatalf("the template that it found: %v", err)
			}
		}
	}
	// One digit.
	names := tp.names()
	p := tp.at[names[rnd.IntN(len(names))]]
	b := []byte(text)
	i := p.offset + rnd.IntN(p.length)
	d := hexValue(b[i]) ^ (1 << rnd.IntN(4))
	b[i] = "0123456789ABCDEF"[d]
	forged := travel(rnd, string(b))
	if r, err := tp.Find(forged); err == nil {
		if tag, _, err := v.VerifyReading(ctx, r); err == nil {
			t.Fatalf("%s verifies: %v", forged, tag)
		}
	}
	if r, err := Guess(forged, useLRP); err == nil {
		if tag, _, err := v.VerifyReading(ctx, r); err == nil {
			t.Fatalf("%s verifies without a template: %v", forged, tag)
		}
	}
}

func TestMessagesTravel(t *testing.T) {
	seeds := uint64(800)
	if testing.Short() {
		seeds = 80
	}
	for seed := range seeds {
		travels(t, seed)
	}
}

func FuzzTravel(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { travels(t, seed) })
}

// Any text at all.
func FuzzFind(f *testing.F) {
	f.Add("https://x.example/t?p={picc}&m={mac}", "https://x.example/t?m=94EED9EE65337086&p=EF963FF7828658A599F3041510671E88&utm_source=x#a")
	f.Add("?picc_data={picc}&enc={from}{enc:48}&cmac={mac}", "cmac=3024237ECA5E5B44&picc_data=D3754B026C37ADE1E02BF49CF491F4")
	f.Add("{from}any.domain/?m={picc}x{enc:16}x{mac}", "any.domain/?m=65628ED36888CF9C84797E43ECACF114C6ED9A5E101EB592x4ADE304B5AB9474CB40AFFCAB0607A85x87E287E8135BFC06")
	f.Add("https://{from}ntag.nxp.com/424?uid={uid}&ctr={ctr}&c={mac}", "https%3A%2F%2Fntag.nxp.com/424?uid=04C767F2066180&ctr=000001&c=DB7537CE9176EC3C")
	f.Add("{picc}{mac}", "picc_data=W2N54LKZYLIKWBXK4HQEFX44UG2VBXKK cmac=WZEDHGN6TVWO32JT")
	zero := key.Zero(key.TypeAES)
	f.Fuzz(func(t *testing.T, tmpl, text string) {
		ctx := context.Background()
		for _, useLRP := range []bool{false, true} {
			check := func(r *Reading) {
				m, err := (&Template{text: r.Template.text, at: r.Template.at, lrp: r.Template.lrp}).Match(r.Text)
				if err != nil || r.Template.fill(m) != r.Text {
					t.Fatalf("%q is not the text of %s: %v", r.Text, r.Template, err)
				}
				if len(r.Text) > 300 || useLRP {
					return
				}
				v := &Verifier{MetaRead: zero, FileRead: zero}
				tag, c, err := v.VerifyReading(ctx, r)
				if err != nil {
					return
				}
				// What it says that it covers is what the MAC is made over.
				s, err := NewSession(ctx, zero, r.Template.lrp, tag.PICCData)
				if err != nil || s.MAC(append(c.Header, c.Text...)) != r.Message.MAC {
					t.Fatalf("the MAC does not cover %v: %v", c, err)
				}
			}
			if r, err := Guess(text, useLRP); err == nil {
				check(r)
			} else if !errors.As(err, new(*FormatError)) {
				t.Fatalf("%T: %v", err, err)
			}
			tp, err := ParseTemplate(tmpl, useLRP)
			if err != nil {
				continue
			}
			again, err := ParseTemplate(tp.String(), useLRP)
			if err != nil || again.String() != tp.String() || again.text != tp.text {
				t.Fatalf("%q is %q as a template: %v", tmpl, tp, err)
			}
			r, err := tp.Find(text)
			if err != nil {
				if !errors.As(err, new(*FormatError)) {
					t.Fatalf("%T: %v", err, err)
				}
				continue
			}
			check(r)
		}
	})
}

// What is none of the template.
func TestFindRefuses(t *testing.T) {
	const tmpl = "https://x.example/t?v=1&p={picc}&m={mac}"
	tp, text, _ := tagShows(t, tmpl, false, 7)
	_, query, _ := strings.Cut(text, "?")
	p, m := text[strings.Index(text, "p="):][:34], text[strings.Index(text, "m="):]
	for came, want := range map[string]string{
		"https://y.example/t?" + query:                    "the address is",
		"https://x.example/u?" + query:                    "the address is",
		"https://x.example.evil/t?" + query:               "the address is",
		"ftp://x.example/t?" + query:                      "the scheme is",
		text + "&" + m:                                    `"m" is there twice`,
		text + "&m=0000000000000000":                      `"m" is there twice`,
		strings.Replace(text, "v=1", "v=2", 1):            `"v" is "2", and "1" in the template`,
		"https://x.example/t?v=1&" + p:                    `"m" is missing`,
		text + "00":                                       "18 digits",
		text[:len(text)-1]:                                "15 digits",
		"https://x.example/t?v=1&" + p[:32] + "&" + m:     "30 digits (15 bytes)",
		strings.Replace(text, m, "m=WZEDHGN6TVWO32JT", 1): "base32 of 10 bytes",
		strings.Replace(text, m, "m=MDAhKK3fzh8=", 1):     "base64 of 8 bytes",
		strings.Replace(text, m, m+m[2:], 1):              "a whole CMAC",
		strings.Repeat("x", 1<<20):                        "more than any tag shows",
	} {
		if r, err := tp.Find(came); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s: %v, %v, want %q", came, r, err, want)
		}
	}
}

// A card whose offsets were counted wrong.
func TestFindShifted(t *testing.T) {
	tp, text, _ := tagShows(t, "https://x.example/t?p={picc}&m={mac}", false, 7)
	for _, x := range []struct {
		name, setting string
		by            int
	}{{"picc", "PICCDataOffset", -1}, {"picc", "PICCDataOffset", 1}, {"picc", "PICCDataOffset", -8}, {"mac", "SDMMACOffset", -3}} {
		p := tp.at[x.name]
		b := []byte(text)
		copy(b[p.offset:], strings.Repeat("0", p.length))
		copy(b[p.offset+x.by:], text[p.offset:][:p.length])
		_, err := tp.Find(string(b))
		if want := fmt.Sprintf("%s is wrong by %+d", x.setting, x.by); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", b, err, want)
		}
	}
}

// PICC data tell by their length if the tag uses LRP, and the template that leaves
// out what the tag shows is told.
func TestFindAdapts(t *testing.T) {
	ctx := context.Background()
	for _, useLRP := range []bool{false, true} {
		tp, text, v := tagShows(t, "https://x.example/t?p={picc}&m={mac}", useLRP, 7)
		other := tp.otherPICC()
		r, err := other.Find(text)
		if err != nil || r.Text != text || r.Template.LRP() != useLRP || len(r.Notes) != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		if _, _, err := v.VerifyReading(ctx, r); err != nil {
			t.Error(err)
		}
	}
	_, text, v := tagShows(t, "https://x.example/t?{from}id=7&u={uid}&n={ctr}&m={mac}", false, 7)
	short, err := ParseTemplate("https://x.example/t?{from}u={uid}&n={ctr}&m={mac}", false)
	if err != nil {
		t.Fatal(err)
	}
	r, err := short.Find(text)
	if err != nil {
		t.Fatal(err)
	}
	var e *CoverageError
	if _, _, err := v.VerifyReading(ctx, r); !errors.As(err, &e) || e.Coverage.Template != "https://x.example/t?{from}id=7&u={uid}&n={ctr}&m={mac}" {
		t.Errorf("%v", err)
	}
}

// Texts that are made to take long: the work is bounded, whatever they hold.
func TestBounded(t *testing.T) {
	ctx := context.Background()
	const message = "uid=041E3C8A2D6B80&ctr=000006&mac=4B00064004B0B3D4"
	for i, text := range []string{
		"https://x/?" + strings.Repeat("&", 8000) + message,
		"https://x/?" + strings.Repeat("a=00&", 1600) + message,
		"https://x/" + strings.Repeat("00/", 2600) + "?" + message,
		"https://x/?" + message + "&" + strings.Repeat("a1=041E3C8A2D6B80&", 400),
		"https://x/?" + message + "&m=" + strings.Repeat("00x", 2600),
		strings.Repeat("%3a%2f%2f", 880),
	} {
		for _, useLRP := range []bool{false, true} {
			if testing.Short() && i < 3 {
				continue
			}
			r, err := Guess(text, useLRP)
			if err != nil || useLRP && i > 0 {
				continue
			}
			v := &Verifier{FileRead: aesOf(t, []byte("the file read ky"))}
			c := &counting{Key: v.FileRead}
			v.FileRead = c
			if _, _, err := v.VerifyReading(ctx, r); !errors.Is(err, ErrMAC) {
				t.Errorf("%.40s: %v", text, err)
			}
			v.Explain(ctx, r)
			if n := len((layout{r.Template, ""}).likely()); n > maxLikely || c.calls > 2000 {
				t.Errorf("%.40s: %d likely offsets, the key was asked %d times", text, n, c.calls)
			}
		}
	}
}

// counting counts what a key is asked.
type counting struct {
	key.Key
	calls int
}

func (c *counting) EncryptCBC(ctx context.Context, iv, dst, src []byte) error {
	c.calls++
	return c.Key.EncryptCBC(ctx, iv, dst, src)
}
