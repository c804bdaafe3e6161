package browser

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/go-desfire/desfire/web"
)

// widths are those that pages are looked at in: a phone, a tablet, a desk.
var widths = []int64{360, 1024, 1600}

// tallest is where a screenshot ends, in pixels.
const tallest = 2400

// looks takes screenshots of the page at three widths, light and dark, sees that they
// show something, and has axe-core look for what people cannot use. With -update the
// pictures are written as testdata/shots/NAME-WIDTH-SCHEME.png.
func (p *tab) looks(name string) {
	p.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range widths {
			p.as(width, scheme)
			p.shot(fmt.Sprintf("testdata/shots/%s-%d-%s.png", name, width, scheme), width)
			p.wide()
			p.axe(fmt.Sprintf("%s at %d, %s", name, width, scheme))
		}
	}
	p.as(1600, "light")
}

// shotAt is looks at one width, for a state that does not last.
func (p *tab) shotAt(name string) {
	p.Helper()
	p.as(1024, "light")
	p.shot(fmt.Sprintf("testdata/shots/%s-1024-light.png", name), 1024)
	p.axe(name)
}

// as shows the page in a width and a colour scheme, without motion.
func (p *tab) as(width int64, scheme string) {
	p.Helper()
	p.do(chromedp.EmulateViewport(width, 1000), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}})
		return err
	}))
	p.eval(`new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`, nil)
}

// wide fails where the page is wider than the window: nobody wants to scroll sideways.
func (p *tab) wide() {
	p.Helper()
	var over float64
	p.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`, &over)
	if over > 0 {
		var who string
		p.eval(`[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !e.closest('.scroll, pre, .sr')).slice(0, 5).map(e => e.tagName + '.' + e.className).join(', ')`, &who)
		p.Errorf("the page is %v pixels wider than the window: %s", over, who)
	}
}

// shot takes one screenshot of the whole page.
func (p *tab) shot(file string, width int64) {
	p.Helper()
	// What goes with the scrolling stands where it belongs, and a dialog is over a window.
	p.eval(`{ scrollTo(0, 0); window.stuck = [...document.querySelectorAll('main *')].filter(e => getComputedStyle(e).position === 'sticky'); for (const e of stuck) e.style.position = 'static'; undefined }`, nil)
	defer p.eval(`for (const e of stuck) e.style.position = ''; undefined`, nil)
	var height float64
	p.eval(`document.querySelector(':popover-open') ? innerHeight : document.documentElement.scrollHeight`, &height)
	height = min(max(height, 400), tallest)
	beyond := true
	raw := run(p, func(ctx context.Context, t *chromedp.Target) ([]byte, error) {
		r, err := cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{
			CaptureBeyondViewport: &beyond, Clip: &page.Viewport{Width: float64(width), Height: height, Scale: 1},
		})
		return r.Data, err
	})
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		p.Fatal(err)
	}
	checkPicture(p.T, file, img, width)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			p.Fatal(err)
		}
		if err := os.WriteFile(file, small(p.T, img), 0o666); err != nil {
			p.Fatal(err)
		}
		return
	}
	saved, err := os.Open(file)
	if err != nil {
		p.Errorf("%v: write it with -update, and look at it", err)
		return
	}
	defer saved.Close() //nolint:errcheck // only read
	if img, err = png.Decode(saved); err != nil {
		p.Errorf("%s: %v", file, err)
		return
	}
	checkPicture(p.T, file, img, width)
}

// checkPicture fails for a picture of the wrong size, and for one that shows nothing.
func checkPicture(t *testing.T, file string, img image.Image, width int64) {
	t.Helper()
	b := img.Bounds()
	if int64(b.Dx()) != width || b.Dy() < 400 {
		t.Errorf("%s: it is %v, want a width of %d", file, b.Size(), width)
	}
	colours := map[color.Color]int{}
	ink := 0
	var most int
	for y := b.Min.Y; y < b.Max.Y; y += 2 {
		for x := b.Min.X; x < b.Max.X; x += 2 {
			c := img.At(x, y)
			colours[c]++
			ink++
			most = max(most, colours[c])
		}
	}
	if len(colours) < 16 || float64(most) > 0.995*float64(ink) {
		t.Errorf("%s: it shows nothing: %d colours, %d of %d points are one of them", file, len(colours), most, ink)
	}
}

// small writes a picture with a palette: the most frequent colours as they are, and for
// each of the others one that is close to it.
func small(t *testing.T, img image.Image) []byte {
	t.Helper()
	b := img.Bounds()
	often := map[color.NRGBA]int{}
	at := func(x, y int) color.NRGBA { return color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA) }
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			often[at(x, y)]++
		}
	}
	order := slices.SortedFunc(maps.Keys(often), func(c, d color.NRGBA) int {
		return cmp.Or(cmp.Compare(often[d], often[c]), cmp.Compare(c.R, d.R), cmp.Compare(c.G, d.G), cmp.Compare(c.B, d.B))
	})
	out := image.NewPaletted(b, nil)
	index := map[color.NRGBA]uint8{}
	for apart := 20; ; apart += 4 {
		if out.Palette = spread(order, apart); len(out.Palette) <= 160 || apart > 60 && len(out.Palette) <= 256 {
			break
		}
	}
	for _, c := range order {
		index[c] = uint8(out.Palette.Index(c)) //nolint:gosec // at most 256
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			out.SetColorIndex(x, y, index[at(x, y)])
		}
	}
	var w bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(&w, out); err != nil {
		t.Fatal(err)
	}
	return w.Bytes()
}

// spread takes the colours of a list that are apart from those before. Of the first,
// which areas are filled with, even a shade counts.
func spread(order []color.NRGBA, apart int) (p color.Palette) {
	far := func(a, b uint8) int { return max(int(a), int(b)) - min(int(a), int(b)) }
	for n, c := range order {
		near := slices.ContainsFunc(p, func(x color.Color) bool {
			d := x.(color.NRGBA)
			return far(c.R, d.R)+far(c.G, d.G)+far(c.B, d.B) < apart
		})
		if n < 16 || !near {
			p = append(p, c)
		}
	}
	return p
}

// axeFile is what getaxe writes.
const axeFile = "testdata/cache/axe-4.14.1.min.js"

// axe fails for what axe-core finds that people cannot use.
func (p *tab) axe(where string) {
	p.Helper()
	for _, v := range p.violations() {
		p.Errorf("%s: axe: %s: %s\n%s", where, v.ID, v.Help, strings.Join(v.Nodes, "\n"))
	}
}

// violation is a rule of axe-core and the elements that break it.
type violation struct {
	ID, Help string
	Nodes    []string
}

// violations has axe-core look at the page.
func (p *tab) violations() (list []violation) {
	p.Helper()
	source, err := os.ReadFile(axeFile)
	if err != nil {
		if os.Getenv("DESFIRE_REQUIRE_BROWSER") != "" {
			p.Fatal(err)
		}
		p.Log("axe-core was not asked: go run ./e2e/browser/getaxe fetches it")
		return nil
	}
	var there bool
	p.eval(`typeof axe === 'object'`, &there)
	if !there {
		p.eval(string(source)+"; undefined", nil)
	}
	p.eval(`axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => ({ID: v.id, Help: v.help, Nodes: v.nodes.slice(0, 4).map(n => n.html.slice(0, 200) + ' ' + n.failureSummary)})))`, &list)
	return list
}

// TestAxeSees makes sure that silence of axe-core means something.
func TestAxeSees(t *testing.T) {
	if _, err := os.Stat(axeFile); err != nil && os.Getenv("DESFIRE_REQUIRE_BROWSER") == "" {
		t.Skip("axe-core is not there: go run ./e2e/browser/getaxe fetches it")
	}
	p := open(t, web.Config{})
	p.wait("h1", "DESFire EV3")
	p.eval(`document.getElementById('main').append(document.createElement('input')); undefined`, nil)
	if list := p.violations(); len(list) != 1 || list[0].ID != "label" {
		t.Errorf("an input without a label: %+v", list)
	}
}
